import path from 'node:path'
import { readSource } from './source.ts'

/** Folders of src/, lowest first. A file imports from its own row and from the rows above it in this table. */
const ROWS: ReadonlyArray<readonly string[]> = [
  ['errors'],
  ['money'],
  ['terms', 'wire', 'window', 'meter'],
  ['ledger', 'lightning'],
  ['seller', 'buyer'],
  ['gateway', 'proxy', 'browser', 'nodectl', 'api'],
  ['.'],
  ['cli'],
]
/** Folders that run anywhere JavaScript does: nothing from Node in them. */
const PURE = ['errors', 'money', 'terms', 'wire', 'meter', 'window']
const TEST = /\.(?:test|property|contract|e2e|lnd)\.ts$|\/testing\//

/** The tree to judge: path from src/, with `/`, to the text of the file. */
export type Tree = ReadonlyMap<string, string>

interface Import {
  readonly from: string
  readonly to: string
}

/** Every breach of the layer rules, each as one line that names the file and what it must not do. */
export function findBreaches(tree: Tree): string[] {
  const sources = new Map(
    [...tree].filter(([file]) => !TEST.test(file)).map(([file, text]) => [file, readSource(text)]),
  )
  const breaches: string[] = []
  const imports: Import[] = []
  for (const [file, { imports: specifiers, nodeGlobals }] of sources) {
    const pure = PURE.includes(folderOf(file))
    if (rowOf(file) < 0) breaches.push(`${file}: the folder has no row in scripts/layers/rules.ts`)
    if (pure)
      breaches.push(...nodeGlobals.map((name) => `${file}: uses Node's ${name}, in a folder that runs anywhere`))
    for (const specifier of specifiers) {
      if (pure && specifier.startsWith('node:')) {
        breaches.push(`${file}: imports ${specifier}, in a folder that runs anywhere`)
      }
      if (specifier.startsWith('.')) imports.push({ from: file, to: resolve(file, specifier) })
    }
  }
  breaches.push(...imports.flatMap(judge))
  const folders = imports.map(({ from, to }) => ({ from: folderOf(from), to: folderOf(to) }))
  for (const cycle of [...findCycles(imports), ...findCycles(folders.filter(areSiblings))]) {
    breaches.push(`${cycle.join(' → ')}: an import cycle`)
  }
  return breaches
}

function judge({ from, to }: Import): string[] {
  if (TEST.test(to)) return [`${from}: imports ${to}, which is for tests and is not published`]
  if (to.startsWith('..')) return [`${from}: imports ${to}, from outside src/`]
  return rowOf(to) > rowOf(from) ? [`${from}: imports ${to}, which lies above it`] : []
}

/** Folders of one row may use each other, but not in a circle. */
const areSiblings = ({ from, to }: Import): boolean => from !== to && rowOf(from) === rowOf(to)

/** Each group of names that reach each other is reported once, by one shortest way around. */
function findCycles(edges: readonly Import[]): string[][] {
  const next = new Map<string, Set<string>>()
  for (const { from, to } of edges) next.set(from, (next.get(from) ?? new Set()).add(to))
  const reported = new Set<string>()
  const cycles: string[][] = []
  for (const start of next.keys()) {
    const cycle = reported.has(start) ? undefined : shortestWayBack(next, start)
    if (!cycle) continue
    for (const name of cycle) reported.add(name)
    cycles.push(cycle)
  }
  return cycles
}

function shortestWayBack(next: ReadonlyMap<string, ReadonlySet<string>>, start: string): string[] | undefined {
  const seen = new Set<string>()
  const ways = [[start]]
  for (const way of ways) {
    for (const name of next.get(way.at(-1)!) ?? []) {
      if (name === start) return [...way, name]
      if (!seen.has(name)) ways.push([...way, name])
      seen.add(name)
    }
  }
  return undefined
}

const resolve = (from: string, specifier: string): string => path.posix.join(path.posix.dirname(from), specifier)
const folderOf = (file: string): string =>
  file.includes('/') ? file.slice(0, file.indexOf('/')) : file.includes('.ts') ? '.' : file
const rowOf = (file: string): number => ROWS.findIndex((row) => row.includes(folderOf(file)))
