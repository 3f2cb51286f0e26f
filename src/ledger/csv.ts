/**
 * Rows as comma-separated values (RFC 4180), below a line of names. What a spreadsheet would take for a formula gets an apostrophe: a URL or a
 * title is somebody else's word. Numbers and amounts stay what they are.
 */
export const csvText = (names: readonly string[], rows: ReadonlyArray<readonly unknown[]>): string =>
  [names, ...rows].map((cells) => `${cells.map(cell).join(',')}\r\n`).join('')

function cell(value: unknown): string {
  const text = `${value ?? ''}`
  const harmless = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

/** Spreadsheets pass over spaces before a formula, and take the wide forms of the signs for the signs. */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/
