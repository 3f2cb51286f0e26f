import { csvText } from '../../ledger/csv.ts'

/** Records of one shape as comma-separated values, with a line of names. */
export function toCsv(records: ReadonlyArray<object>): string {
  const [first] = records
  if (!first) return ''
  const names = Object.keys(first)
  return csvText(
    names,
    records.map((record) => names.map((name) => (record as Record<string, unknown>)[name])),
  )
}
