import { formatMsat } from '../../src/money/msat.ts'
import type { Row } from './attack.ts'

/** One row for people. */
export function lineOf(row: Row): string {
  const mark = row.held ? 'held' : 'LOST'
  const seconds = ((row.ms ?? 0) / 1000).toFixed(1).padStart(5)
  const head = `${mark}  ${row.side.padEnd(6)}  ${row.attack.padEnd(28)}  ${String(row.tries).padStart(6)} ×  ${seconds} s`
  if (row.error !== undefined) return `${head}  ${row.error}`
  const measures = [row, ...(row.also ?? [])].map(
    ({ measure, loss, bound }) => `${say(measure, loss)} of ${say(measure, bound)}`,
  )
  return `${head}  ${measures.join('; ')}\n      ${row.what}`
}

const say = (measure: string, count: string): string =>
  measure === 'msat' ? formatMsat(BigInt(count)) : `${BigInt(count).toLocaleString('en')} ${measure}`
