/** Parts of a title that each case fills in: `%s`, `%i`, `$name`, `${…}`. */
const FILLED = /\$\{[^}]*\}|%[sdifjoOc#]|\$\w+/g

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

const partPattern = (part: string): string => part.split(FILLED).map(escaped).join('[^]*')

const parts = (name: string): string[] => name.split(' > ')

/** Whether a test that ran is one of those that a row names. @param path its groups and its title */
export function isNamed(name: string, path: readonly string[]): boolean {
  const wanted = parts(name)
  const last = path.slice(-wanted.length)
  return wanted.length <= path.length && wanted.every((part, i) => new RegExp(`^${partPattern(part)}$`).test(last[i]!))
}

/** What `vitest -t` takes to run these tests and, of their files, hardly any other. It joins groups and titles by a space. */
export const pattern = (names: readonly string[]): string =>
  `(?:^|\\s)(?:${[...new Set(names)].map((name) => parts(name).map(partPattern).join('\\s(?:>\\s)?')).join('|')})$`

/** The titles of a name that a source does not write. */
export const missingTitles = (name: string, source: string): string[] =>
  parts(name).filter((part) => !["'", '"', '`'].some((quote) => source.includes(`${quote}${part}${quote}`)))
