/** What one source file asks for, as far as the layer rules look at it. */
export interface SourceFacts {
  /** Module specifiers of every static, dynamic and type import and re-export. */
  readonly imports: readonly string[]
  /** Node's own globals that it uses: they are missing in a browser. */
  readonly nodeGlobals: readonly string[]
}

const NODE_GLOBALS = [
  'Buffer',
  'process',
  'require',
  '__dirname',
  '__filename',
  'setImmediate',
  'clearImmediate',
  'global',
]
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/
const STRING = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/
const TEMPLATE = /`(?:[^`\\]|\\[\s\S])*`/
const REGEX = /(?<=[=(,:?!&|]\s*|\breturn\s+)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/
const NOT_CODE = new RegExp([COMMENT, STRING, TEMPLATE, REGEX].map(({ source }) => source).join('|'), 'g')
const IMPORT = /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*(['"])(.+?)\1|\bimport\s*\(?\s*(['"])(.+?)\3/g

/** Reads a source file by its surface: enough for imports and globals, and no compiler is needed. */
export function readSource(text: string): SourceFacts {
  const uncommented = text.replace(NOT_CODE, (match) => (/^['"]/.test(match) ? match : ' '))
  const imports = [...uncommented.matchAll(IMPORT)].map((match) => match[2] ?? match[4] ?? '')
  const code = text.replace(NOT_CODE, (match) => (match.startsWith('`') ? substitutions(match) : ' '))
  return { imports, nodeGlobals: NODE_GLOBALS.filter((name) => usesGlobal(code, name)) }
}

const substitutions = (template: string): string => (template.match(/\$\{[^}]*\}/g) ?? []).join(' ')

/** A name counts when it stands alone: not `x.process`, not a key `process:`, not part of `subprocess`. */
const usesGlobal = (code: string, name: string): boolean =>
  new RegExp(`(?<![\\w$.#])${name}(?![\\w$])(?!\\s*:)`).test(code)
