const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** A length of time in its largest whole unit: "3 days", "1 hour", "0 seconds". */
export function span(ms: number): string {
  const [name, length] = UNITS.find(([, one]) => ms >= one) ?? UNITS[3]
  const count = Math.floor(ms / length)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** "3 days ago", "in 59 minutes". */
export const agoOrAhead = (atMs: number, nowMs: number): string =>
  atMs <= nowMs ? `${span(nowMs - atMs)} ago` : `in ${span(atMs - nowMs)}`
