import type { TradeSummary } from '../../buyer/trade/summary.ts'
import { formatMsat, type Msat } from '../../money/msat.ts'
import { cyan, dim, green, yellow } from './colour.ts'
import { unitsOf } from './record.ts'

const BAR = 12

/** Units as people say them: "412 tokens", "3.2 MiB", "12.4 s". */
export function formatUnits(steps: bigint, unit: string): string {
  const count = unitsOf(steps, unit)
  if (unit === 'byte') return formatBytes(Number(steps))
  if (unit === 'second') return `${count.toFixed(1)} s`
  if (unit === 'play-second') return `${count.toFixed(1)} s played`
  // Several things are charged: what they come to.
  if (unit === 'msat') return formatMsat(steps)
  return `${count.toLocaleString('en').replaceAll(',', ' ')} ${unit}${count === 1 ? '' : 's'}`
}

function formatBytes(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let scale = 0
  while (value >= 1024 && scale < names.length - 1) {
    value /= 1024
    scale++
  }
  return `${scale === 0 ? value : value.toFixed(1)} ${names[scale]}`
}

/** How full the window of a stream is, and whether it stands still. */
export function barOf(trade: TradeSummary): string {
  const outstanding = trade.paid + trade.inFlight - trade.received
  const filled =
    trade.ahead === 0n ? 0 : Math.max(0, Math.min(BAR, Math.round((Number(outstanding) / Number(trade.ahead)) * BAR)))
  const bar = `▕${'█'.repeat(filled)}${' '.repeat(BAR - filled)}▏`
  return `${bar} ${trade.state === 'paused' ? yellow('paused ') : green('flowing')}`
}

/** One line for a running stream: what came, what it cost, and how full the window is. */
export function meterLine(trade: TradeSummary, max: Msat): string {
  const outstanding = trade.paid + trade.inFlight - trade.received
  const paid = `${cyan(formatMsat(trade.paid))} of ${formatMsat(max)}`
  const window = dim(`window ${inSat(outstanding)} of ${formatMsat(trade.ahead)}`)
  return `${barOf(trade)} ${formatUnits(trade.steps, trade.unit).padStart(11)} · ${paid} · ${window}`
}

/** Sat to a tenth, of one width however it changes. */
const inSat = (amount: bigint): string => (Number(amount > 0n ? amount : 0n) / 1000).toFixed(1)

/** "1 payment", "2 payments". */
export const plural = (count: number, name: string): string => `${count} ${name}${count === 1 ? '' : 's'}`
