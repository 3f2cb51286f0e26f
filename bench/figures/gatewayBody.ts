import { formatMsat } from '../../src/money/msat.ts'
import { type Figure, round } from '../figure.ts'
import { type Fetch, measurePairs } from '../gateway/pairs.ts'
import { openStand } from '../gateway/stand.ts'

const MIB = 2 ** 20
const BYTES = 512 * MIB
const ROUNDS = 6
const WINDOW = '512 sat'

/** 512 MiB of an upstream through the gateway, paid by the byte, against the same upstream through a plain proxy of Node. */
export async function gatewayBody(): Promise<Figure> {
  const stand = await openStand({ bodyBytes: BYTES, events: 0 }, { price: '1 sat/MiB', credit: WINDOW })
  const { paidS, plainS, ratio, cpu, trade } = await measurePairs(stand, { ahead: WINDOW, rounds: ROUNDS, read })
  const unpaid = await stand.maxUnpaid()
  await stand.close()
  return {
    name: 'gateway-body',
    value: round(BYTES / MIB / paidS),
    unit: 'MiB/s',
    counterpart: 'the same upstream through a plain node:http proxy',
    counterpartValue: round(BYTES / MIB / plainS),
    ratio,
    goal: 'ratio >= 0.9',
    held: ratio >= 0.9,
    note:
      `CPU for 512 MiB: gateway ${cpu.gateway} ms with its node, proxy ${cpu.proxy} ms; buyer ${cpu.buyer} ms with its node, plain reader ${cpu.plainReader} ms; ` +
      `${trade.payments} payments in all at 1 sat/MiB, windows ${WINDOW} a side, stalled ${Math.round(trade.stallMs)} ms in all; ` +
      `at risk at most ${formatMsat(unpaid)} and ${formatMsat(trade.maxAhead)}; median of ${ROUNDS} pairs`,
  }
}

async function read(fetch: Fetch, base: string): Promise<void> {
  const response = await fetch(`${base}/body`)
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.byteLength
  if (bytes !== BYTES) throw new Error(`${bytes} bytes came instead of ${BYTES}`)
}
