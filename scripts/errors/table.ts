import { readFileSync } from 'node:fs'
import { CODES, type ErrorCode, EXIT, type ExitName, isRetryable } from '../../src/errors/codes.ts'

/** `docs/errors.md`, made from the table of codes. */
export function errorTable(): string {
  return `# Errors

Made from [src/errors/codes.ts](../src/errors/codes.ts) by \`npm run error-table\`; a test keeps it current.

Codes are stable: they are \`error.code\` of a \`StreamError\`, the end of the problem document's \`type\`
(\`urn:streampay:problem:<code>\`, or \`https://paymentauth.org/problems/<problem>\` where the \`Payment\` scheme has a name of its
own), and \`code\` in the output of \`streampay … --json\`. The status is what a seller answers with when this stopped a
request; the exit code is that of a command that ends for this reason.

${readFileSync(new URL('acting.md', import.meta.url), 'utf8')}
## Codes

${table(
  ['Code', 'Status', 'Exit', 'Retry', 'What happened', 'How to go on', "The scheme's problem"],
  entries(CODES).map(([code, row]) => [
    `\`${code}\``,
    String(row.status),
    `${EXIT[row.exit]} ${row.exit}`,
    isRetryable(code) ? 'yes' : '',
    row.title,
    row.hint,
    'problem' in row ? `\`${row.problem}\`` : '',
  ]),
)}

## Exit codes of \`streampay\`

${table(
  ['Exit', 'Name', 'Codes that end with it'],
  entries(EXIT).map(([name, exit]) => [String(exit), name, codesThatExit(name).join(', ')]),
)}
`
}

const codesThatExit = (name: ExitName): string[] =>
  entries(CODES)
    .filter(([, row]) => row.exit === name)
    .map(([code]: [ErrorCode, unknown]) => `\`${code}\``)

const entries = <T extends object>(record: T): Array<[keyof T & string, T[keyof T]]> =>
  Object.entries(record) as Array<[keyof T & string, T[keyof T]]>

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const lines = [head, head.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')
}
