import { DOCUMENTS } from './documents/index.ts'
import type { Document, NamedTest, Row, Section } from './row.ts'

/** `docs/conformance.md`, made from the tables in `documents/`. */
export function conformancePage(): string {
  const rows = DOCUMENTS.flatMap(({ sections }) => sections.flatMap((section) => section.rows))
  const count = (state: State) => rows.filter((row) => stateOf(row) === state).length
  return `# Conformance

Made from [test/conformance/documents](../test/conformance/documents) by \`npm run conformance-page\`; a test keeps it current.

What the published documents ask of a server or a client that is paid over Lightning, in our own words, and the tests that show it; or why Stream differs, on purpose, and what it
does instead. \`npm run -s conformance\` runs exactly the tests that are named here and says of each row whether it is held; with \`--json\` its last line is the sum.

Of ${rows.length} rows ${count('shown')} name the tests that show them, ${count('differs')} differ on purpose, and ${count('open')} are open: no test shows them yet.

**What is in the tables.** Every sentence with MUST or SHOULD, in either form and with their synonyms, that tells an implementation of one of the two sides what to do when it is paid over Lightning.
What is asked in several places stands once. Left out is what concerns neither side: registries and how to register, what a further payment method or intent has to specify,
other methods than \`lightning\`, advice for intermediaries, and MAY. **Gaps** at the end are no requirements: there the documents leave money or trust open, and the rows say what is done about it.

${DOCUMENTS.map(documentText).join('\n\n')}
`
}

type State = 'shown' | 'differs' | 'open'

function stateOf({ tests, differs }: Row): State {
  if (tests.length === 0) return 'open'
  return differs === undefined ? 'shown' : 'differs'
}

const documentText = ({ title, scope, sections }: Document): string =>
  [`## ${title}`, scope, ...sections.map(sectionText)].join('\n\n')

function sectionText({ title, rows }: Section): string {
  const lines = rows.map((row) => [row.level, row.side, row.requirement, evidence(row)])
  return `### ${title}\n\n${table(['', 'Side', 'Requirement', 'Shown by, or why not'], lines)}`
}

function evidence({ tests, differs }: Row): string {
  const why = differs === undefined ? [] : [`**Differs.** ${differs}`]
  return [...why, tests.length > 0 ? byFile(tests) : '**Open**'].join(' ')
}

function byFile(tests: readonly NamedTest[]): string {
  const files = [...new Set(tests.map(({ file }) => file))]
  const names = (file: string) => tests.filter((test) => test.file === file).map(({ name }) => `“${name}”`)
  return files.map((file) => `[${file}](../${file}): ${names(file).join(', ')}`).join('; ')
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const lines = [head, head.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.map(cellOf).join(' | ')} |`).join('\n')
}

/** As text: what a title holds is no table, link or tag. */
const cellOf = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
