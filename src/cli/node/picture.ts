import type { Channel } from '../../nodectl/channels/channels.ts'

/** What fills a bar, from this node's side to the peer's. */
const PARTS = ['kept', 'canSend', 'inFlight', 'canReceive', 'keptByPeer'] as const
export type Part = (typeof PARTS)[number]

export const MARKS: Readonly<Record<Part, string>> = {
  kept: '░',
  canSend: '█',
  inFlight: '~',
  canReceive: '▒',
  keptByPeer: '░',
}

/**
 * So many cells for each part of a channel, in proportion: together always `width`.
 * @example cellsOf(channel, 20) // { kept: 0, canSend: 10, inFlight: 0, canReceive: 10, keptByPeer: 0 }
 */
export function cellsOf(channel: Channel, width: number): Record<Part, number> {
  const { local, remote, canSend, canReceive, inFlight } = channel
  const amounts = { kept: local - canSend, canSend, inFlight, canReceive, keptByPeer: remote - canReceive }
  const sum = PARTS.reduce((all, part) => all + amounts[part], 0n)
  // Boundaries are rounded, and not parts, so that they add up.
  let before = 0n
  const cells = { kept: 0, canSend: 0, inFlight: 0, canReceive: 0, keptByPeer: 0 }
  for (const part of PARTS) {
    const from = at(before, sum, width)
    before += amounts[part]
    cells[part] = at(before, sum, width) - from
  }
  return cells
}

const at = (amount: bigint, sum: bigint, width: number): number =>
  sum === 0n ? 0 : Number((amount * BigInt(width) * 2n + sum) / (sum * 2n))

const MIN_WIDTH = 6

/** Cells of a channel's bar when the largest channel's has `most`. */
export function widthOf(capacity: bigint, largest: bigint, most: number): number {
  const width = largest === 0n ? most : Number((capacity * BigInt(most)) / largest)
  return Math.min(most, Math.max(MIN_WIDTH, width))
}

/** A channel as a bar. `paint` colours a part of it. */
export function barOf(channel: Channel, width: number, paint: (part: Part, text: string) => string): string {
  const cells = cellsOf(channel, width)
  return `▕${PARTS.map((part) => paint(part, MARKS[part].repeat(cells[part]))).join('')}▏`
}
