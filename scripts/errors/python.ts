import { CODES, type ErrorCode, isRetryable } from '../../src/errors/codes.ts'

/** `python/src/streampay/codes.py`, made from the table of codes. */
export function pythonTable(): string {
  const rows = Object.entries(CODES)
  const codes = rows.map(
    ([code, { status, title, hint }]) => `    ${text(code)}: (${status}, ${text(title)}, ${text(hint)}),`,
  )
  // Several codes share one of the scheme's types: the first in the table is the general one.
  const schemes = new Map(
    rows.flatMap(([code, row]) => ('problem' in row ? [[row.problem, code] as const] : [])).reverse(),
  )
  return `"""Made from src/errors/codes.ts by \`npm run error-table\`; a test keeps it current."""

#: code: (HTTP status, title, hint)
CODES: dict[str, tuple[int, str, str]] = {
${codes.join('\n')}
}

#: What may go well when the very same request is sent again later.
RETRYABLE: frozenset[str] = frozenset(
    {
${rows
  .filter(([code]) => isRetryable(code as ErrorCode))
  .map(([code]) => `        ${text(code)},`)
  .join('\n')}
    }
)

#: Names of the \`Payment\` scheme's own problem types, each with the code that it is read as.
SCHEME_CODES: dict[str, str] = {
${[...schemes]
  .reverse()
  .map(([name, code]) => `    ${text(name)}: ${text(code)},`)
  .join('\n')}
}

#: The scheme's problem type of a code, where it has one.
SCHEME_TYPES: dict[str, str] = {
${rows.flatMap(([code, row]) => ('problem' in row ? [`    ${text(code)}: ${text(row.problem)},`] : [])).join('\n')}
}
`
}

/** A text in double quotes, as both languages write it. */
const text = (value: string): string => JSON.stringify(value)
