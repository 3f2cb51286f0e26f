/** An amount of msat in sat, exactly: `1 234.5`. */
export function sat(text: string | bigint): string {
  const amount = BigInt(text)
  if (amount < 0n) return `-${sat(-amount)}`
  const fraction = `${amount % 1000n}`.padStart(3, '0').replace(/0+$/, '')
  return `${grouped(amount / 1000n)}${fraction && `.${fraction}`}`
}

/** An amount to read across a room: whole sat from 1000 sat on, tenths from 1 sat on, never more than there is. */
export function shortSat(text: string | bigint): string {
  const amount = BigInt(text)
  if (amount < 0n) return `-${shortSat(-amount)}`
  if (amount >= 1_000_000n) return grouped(amount / 1000n)
  return sat(amount < 1000n ? amount : amount - (amount % 100n))
}

const grouped = (whole: bigint): string => `${whole}`.replace(/\B(?=(\d{3})+$)/g, '\u202f')

/** How fast something is delivered, in its unit. */
export function speed(steps: string, unit: string): string {
  const count = Number(steps)
  if (unit === 'byte') return `${bytes(count)}/s`
  // Steps of time are ms: so much of each second was worked, or played.
  if (unit === 'second' || unit === 'play-second') return `${(count / 1000).toFixed(2)} s/s`
  if (unit === 'msat') return `${sat(steps)} sat/s`
  return `${grouped(BigInt(steps))} ${unit}s/s`
}

function bytes(count: number): string {
  for (const [name, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(1)} ${name}`
  }
  return `${count} B`
}

/** How long ago, in a word or two. */
export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000))
  if (seconds < 10) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return new Date(atMs).toLocaleDateString()
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
