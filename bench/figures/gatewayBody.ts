import { formatMsat } from '../../src/money/msat.ts'
import { type Figure, round } from '../figure.ts'
import { type Fetch, measurePairs } from '../gateway/pairs.ts'
import { openStand } from '../gateway/stand.ts'

const GIB = 2 ** 30
const ROUNDS = 6
const WINDOW = '512 sat'

/** 1 GiB of an upstream through the gateway, paid by the byte, against the same upstream through a plain proxy of Node. */
export async function gatewayBody(): Promise<Figure> {
  const stand = await openStand({ bodyBytes: GIB, events: 0 }, { price: '1 sat/MiB', credit: WINDOW })
  const { paidS, plainS, ratio, cpu, last } = await measurePairs(stand, { ahead: WINDOW, rounds: ROUNDS, read })
  const unpaid = (await stand.accounts()).map(({ maxUnpaid }) => BigInt(maxUnpaid)).reduce((a, b) => (a > b ? a : b))
  await stand.close()
  return {
    name: 'gateway-body',
    value: round(1 / paidS),
    unit: 'GiB/s',
    counterpart: 'the same upstream through a plain node:http proxy',
    counterpartValue: round(1 / plainS),
    ratio,
    goal: 'ratio >= 0.9',
    held: ratio >= 0.9,
    note:
      `CPU a GiB: gateway ${cpu.gateway} ms with its node, proxy ${cpu.proxy} ms; buyer ${cpu.buyer} ms with its node, plain reader ${cpu.plainReader} ms; ` +
      `${last.payments} payments at 1 sat/MiB, windows ${WINDOW} a side, stalled ${Math.round(last.stallMs)} ms, first byte after ${Math.round(last.firstByteMs ?? 0)} ms; ` +
      `at risk at most ${formatMsat(unpaid)} and ${formatMsat(last.maxAhead)}; median of ${ROUNDS} pairs`,
  }
}

async function read(fetch: Fetch, base: string): Promise<void> {
  const response = await fetch(`${base}/body`)
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.byteLength
  if (bytes !== GIB) throw new Error(`${bytes} bytes came instead of ${GIB}`)
}
