/** How much a document asks for. `gap` is no word of a document: something that it leaves open, and what is done about it here. */
export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT' | 'gap'
export type Side = 'server' | 'client' | 'both'

/** A test by its file and its name: as its source writes it, the last of its groups first where the name alone says too little. */
export interface NamedTest {
  readonly file: string
  /** `group > name`; what a table of cases fills in (`%s`, `$name`) stands for anything. */
  readonly name: string
}

/** One requirement, in words of our own. Without tests it is open, also where it says why it differs. */
export interface Row {
  readonly level: Level
  readonly side: Side
  readonly requirement: string
  /** What shows that it is held; of a row that differs, what shows what is done instead. */
  readonly tests: readonly NamedTest[]
  /** Why this is not done, on purpose, and what is done instead. */
  readonly differs?: string
}

export interface Section {
  /** The heading of the document under which it stands. */
  readonly title: string
  readonly rows: readonly Row[]
}

export interface Document {
  /** How the rows are told apart in the output of the command. */
  readonly scheme: string
  /** What was read, with its revision. */
  readonly title: string
  /** What of it is in the table, and what is not. */
  readonly scope: string
  readonly sections: readonly Section[]
}

/** The tests of one file. @example const header = testsOf('src/wire/header.test.ts'); header('reads %s') */
export const testsOf =
  (file: string) =>
  (...names: readonly string[]): NamedTest[] =>
    names.map((name) => ({ file, name }))

type Tests = ReadonlyArray<readonly NamedTest[]>

/** A requirement that is held, by what these tests show; with none it is open. */
export const holds = (level: Level, side: Side, requirement: string, ...tests: Tests): Row => ({
  level,
  side,
  requirement,
  tests: tests.flat(),
})

/** A requirement from which we differ on purpose. */
export const differs = (level: Level, side: Side, requirement: string, why: string, ...tests: Tests): Row => ({
  ...holds(level, side, requirement, ...tests),
  differs: why,
})

export const section = (title: string, ...rows: readonly Row[]): Section => ({ title, rows })

/** A row with its place, as it is listed. */
export interface Placed extends Row {
  readonly scheme: string
  readonly section: string
}

export const placed = (documents: readonly Document[]): Placed[] =>
  documents.flatMap(({ scheme, sections }) =>
    sections.flatMap(({ title, rows }) => rows.map((row) => ({ ...row, scheme, section: title }))),
  )
