const RFC3339 = /^\d{4}-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i

/** RFC 3339 in UTC with milliseconds, the one form in which Stream writes times. */
export const formatTime = (ms: number): string => new Date(ms).toISOString()

/** Milliseconds since 1970 of an RFC 3339 date-time; `undefined` for anything else. A fraction beyond milliseconds is dropped. */
export function parseTime(text: string): number | undefined {
  const match = RFC3339.exec(text)
  if (!match) return undefined
  const [, month, day] = match
  const ms = Date.parse(text.toUpperCase())
  // Date.parse rolls 30 February over into March; RFC 3339 has no such day
  const daysInMonth = new Date(Date.UTC(Number(text.slice(0, 4)), Number(month), 0)).getUTCDate()
  return Number.isNaN(ms) || Number(day) > daysInMonth ? undefined : ms
}
