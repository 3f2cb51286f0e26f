import { readFileSync } from 'node:fs'
import path from 'node:path'
import {
  API,
  type Checker,
  type Project,
  SignatureKind,
  SymbolFlags,
  type Type,
  type Symbol as TypeSymbol,
} from 'typescript/unstable/sync'
import { ROOT } from '../run/child.ts'

/** A member that somebody who uses the package writes. */
export interface Option {
  readonly name: string
  readonly type: string
  readonly optional: boolean
  /** Its docstring, in one line. */
  readonly text: string
}

export interface OptionsType {
  readonly name: string
  /** Entry points from which it is reached. */
  readonly entries: string[]
  readonly options: readonly Option[]
}

/** What is written by those who use the package has a name that says so. */
const IS_OPTIONS = /(Options|Limits|Parts|Bargain|Discount)$|^(Sellers|Rate|Webhook)$/
const MAX_DEPTH = 6

/** Every options type that is reached from what the entry points of package.json export, with its own and its inherited members. */
export function publicOptions(): OptionsType[] {
  const api = new API({ cwd: ROOT })
  try {
    const config = path.join(ROOT, 'tsconfig.json')
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)!
    return new Walk(project).run()
  } finally {
    api.close()
  }
}

class Walk {
  readonly #project: Project
  readonly #checker: Checker
  readonly #found = new Map<string, OptionsType>()
  readonly #seen = new Set<string>()

  constructor(project: Project) {
    this.#project = project
    this.#checker = project.checker
  }

  run(): OptionsType[] {
    const { exports } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
    for (const [entry, at] of Object.entries<{ default?: string }>(exports)) {
      if (at.default === undefined) continue
      const source = path.join(ROOT, at.default.replace('./dist/', 'src/').replace(/js$/, 'ts'))
      const module = this.#checker.getSymbolAtLocation(this.#project.program.getSourceFile(source)!)!
      for (const exported of this.#checker.getExportsOfModule(module))
        this.#export(exported, `streampay${entry.slice(1)}`)
    }
    return [...this.#found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #export(exported: TypeSymbol, entry: string): void {
    const symbol = exported.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(exported) : exported
    if (symbol.flags & (SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Class)) {
      this.#type(this.#checker.getDeclaredTypeOfSymbol(symbol), entry, 0)
    }
    if (symbol.flags & (SymbolFlags.Function | SymbolFlags.Variable | SymbolFlags.Class)) {
      const type = this.#checker.getTypeOfSymbol(symbol)
      if (type) this.#type(type, entry, 0)
    }
  }

  /** Looks at a type, at what functions take, and at what its members are. */
  #type(type: Type, entry: string, depth: number): void {
    const key = `${entry} ${type.id}`
    if (depth > MAX_DEPTH || this.#seen.has(key)) return
    this.#seen.add(key)
    if (type.isUnionType() || type.isIntersectionType()) {
      for (const part of type.getTypes()) this.#type(part, entry, depth + 1)
      return
    }
    if (!type.isObjectType()) return
    // Of a promise or a list, what it is of.
    if (type.isTypeReference()) {
      for (const part of this.#checker.getTypeArguments(type)) this.#type(part, entry, depth + 1)
    }
    const symbol = type.getSymbol()
    if (symbol && !this.#isOurs(symbol)) return
    const isClass = symbol && (symbol.flags & SymbolFlags.Class) !== 0
    if (symbol && !isClass && IS_OPTIONS.test(symbol.name)) this.#take(type, symbol, entry)
    for (const kind of [SignatureKind.Call, SignatureKind.Construct]) {
      for (const signature of this.#checker.getSignaturesOfType(type, kind)) {
        for (const parameter of signature.getParameters()) this.#member(parameter, entry, depth)
      }
    }
    for (const member of this.#checker.getPropertiesOfType(type)) {
      // What is private to a class is nobody's to write.
      if (member.name !== 'prototype' && !member.name.startsWith('__')) this.#member(member, entry, depth)
    }
  }

  #member(member: TypeSymbol, entry: string, depth: number): void {
    const type = this.#checker.getTypeOfSymbol(member)
    if (type) this.#type(type, entry, depth + 1)
  }

  #isOurs({ declarations }: TypeSymbol): boolean {
    return declarations.some((declaration) => declaration.path.includes('/src/'))
  }

  #take(type: Type, symbol: TypeSymbol, entry: string): void {
    const key = `${symbol.name} ${symbol.declarations[0]?.path}`
    const known = this.#found.get(key)
    if (known) {
      if (!known.entries.includes(entry)) known.entries.push(entry)
      return
    }
    const options = this.#checker.getPropertiesOfType(type).map((member) => ({
      name: member.name,
      type: this.#checker.typeToString(this.#checker.getTypeOfSymbol(member)!),
      optional: isOptional(member),
      text: this.#checker.getDocumentationCommentOfSymbol(member).replace(/\s+/g, ' ').trim(),
    }))
    this.#found.set(key, { name: symbol.name, entries: [entry], options })
  }
}

const isOptional = ({ flags }: TypeSymbol): boolean => (flags & SymbolFlags.Optional) !== 0
