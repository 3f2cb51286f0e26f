import { formatMsat } from '../../src/money/msat.ts'
import { type Figure, round } from '../figure.ts'
import { type Fetch, measurePairs } from '../gateway/pairs.ts'
import { openStand } from '../gateway/stand.ts'

const STREAMS = 8
const EVENTS = 10_000
const ROUNDS = 6
const WINDOW = '64 sat'

/** Answers of a model through the gateway, paid by the token, against the same upstream through a plain proxy of Node. */
export async function gatewaySse(): Promise<Figure> {
  const stand = await openStand({ bodyBytes: 0, events: EVENTS }, { price: '1 sat/1k tokens', credit: WINDOW })
  const work = { ahead: WINDOW, rounds: ROUNDS, read }
  const { paidS, plainS, ratio, cpu, trade } = await measurePairs(stand, work)
  const unpaid = await stand.maxUnpaid()
  await stand.close()
  const events = STREAMS * EVENTS
  return {
    name: 'gateway-sse',
    value: round(events / paidS),
    unit: 'events/s',
    counterpart: 'the same upstream through a plain node:http proxy',
    counterpartValue: round(events / plainS),
    ratio,
    goal: 'ratio >= 0.7',
    held: ratio >= 0.7,
    note:
      `${STREAMS} streams of ${EVENTS} events at once, each event written by itself; ` +
      `CPU: gateway ${cpu.gateway} ms with its node, proxy ${cpu.proxy} ms; buyer ${cpu.buyer} ms with its node, plain reader ${cpu.plainReader} ms; ` +
      `${trade.payments} payments in all at 1 sat/1k tokens, windows ${WINDOW} a side, stalled ${Math.round(trade.stallMs)} ms in all; ` +
      `at risk at most ${formatMsat(unpaid)} and ${formatMsat(trade.maxAhead)}; median of ${ROUNDS} pairs`,
  }
}

async function read(fetch: Fetch, base: string): Promise<void> {
  await Promise.all(Array.from({ length: STREAMS }, () => readOne(fetch, base)))
}

/** As a client of a model asks and reads. */
async function readOne(fetch: Fetch, base: string): Promise<void> {
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'bench', stream: true, messages: [{ role: 'user', content: 'Go on.' }] }),
  })
  let bytes = 0
  let end = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    end = decoder.decode(chunk.subarray(-14))
  }
  if (bytes < EVENTS * 150 || !end.endsWith('data: [DONE]\n\n'))
    throw new Error(`an answer of ${bytes} bytes is not whole`)
}
