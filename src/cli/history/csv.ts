/**
 * Records of one shape as comma-separated values (RFC 4180), with a line of names. What a spreadsheet would take for a formula gets an
 * apostrophe: a URL is another side's word.
 */
export function toCsv(records: ReadonlyArray<object>): string {
  const [first] = records
  if (!first) return ''
  const names = Object.keys(first)
  const lines = records.map((record) => names.map((name) => cell((record as Record<string, unknown>)[name])))
  return [names, ...lines].map((cells) => `${cells.join(',')}\r\n`).join('')
}

function cell(value: unknown): string {
  const text = `${value ?? ''}`
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
