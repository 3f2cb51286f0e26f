/** "3 requests/day" and its like: so many free requests, gained again over `perMs`. */
export interface Allowance {
  readonly requests: number
  readonly perMs: number
}

const UNITS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SPANS = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const

/** A time such as "500ms", "30s", "10m", "2min", "1h" or "7d", in ms; `undefined` if it is none. */
export function readSpan(text: string): number | undefined {
  const match = /^(\d{1,9}) ?(ms|s|m|min|h|d)$/.exec(text.trim())
  if (!match) return undefined
  const unit = match[2] === 'm' ? 'min' : (match[2] as keyof typeof UNITS)
  return Number(match[1]) * UNITS[unit]
}

/** `undefined` if the text is no allowance. @example readAllowance('3 requests/day') */
export function readAllowance(text: string): Allowance | undefined {
  const match = /^(\d{1,6}) requests?\/(second|minute|hour|day)$/.exec(text.trim())
  if (!match || match[1] === '0') return undefined
  return { requests: Number(match[1]), perMs: SPANS[match[2] as keyof typeof SPANS] }
}

/** A part such as "10%" or "12.5 %", in thousandths of a per cent; `undefined` if it is none, or above 100 %. */
export function readShare(text: string): number | undefined {
  const match = /^(\d{1,3})(?:\.(\d{1,3}))? ?%$/.exec(text.trim())
  if (!match) return undefined
  const share = Number(match[1]) * 1000 + Number((match[2] ?? '').padEnd(3, '0'))
  return share <= 100_000 ? share : undefined
}
