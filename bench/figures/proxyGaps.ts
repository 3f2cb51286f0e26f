import { once } from 'node:events'
import { request } from 'node:http'
import { type Figure, round } from '../figure.ts'
import { openProxyStand } from '../proxy/stand.ts'

const TOKENS = 1500
const EVERY_MS = 15
const PART = 0.99

/** The gaps between the tokens of a model's stream, paid through `streampay proxy`, against the same stream unpaid at the same time. */
export async function proxyGaps(): Promise<Figure> {
  const source = { kind: 'tokens', count: TOKENS, everyMs: EVERY_MS } as const
  const stand = await openProxyStand({ price: '1 sat/token', credit: '100 sat', source }, { ahead: '200 sat' })
  const [paid, unpaid] = await Promise.all([gaps(stand.paying.url), gaps(stand.shop.freeUrl)])
  const trade = await stand.paying.trade()
  await stand.close()
  const [value, counterpartValue] = [round(at(paid, PART)), round(at(unpaid, PART))]
  return {
    name: 'proxy-gaps',
    value,
    unit: 'ms at p99',
    counterpart: 'the same stream unpaid, at the same time',
    counterpartValue,
    ratio: round(value / counterpartValue),
    goal: 'value <= 1.1 x counterpart + 5 ms',
    held: value <= counterpartValue * 1.1 + 5,
    note:
      `${TOKENS} tokens, one in ${EVERY_MS} ms, at 1 sat each, windows of 200 and 100 sat; medians ${round(at(paid, 0.5))} and ${round(at(unpaid, 0.5))} ms, longest ${round(at(paid, 1))} and ${round(at(unpaid, 1))} ms; ` +
      `${trade.payments} payments, stalled ${Math.round(trade.stallMs)} ms in all`,
  }
}

/** The gaps after the first token, in ms, shortest first: how long an agreement takes to come to is another figure. */
async function gaps(url: string): Promise<readonly number[]> {
  const outgoing = request(url, { agent: false })
  outgoing.end()
  const [incoming] = await once(outgoing, 'response')
  const came: number[] = []
  incoming.on('data', (chunk: Buffer) => {
    const now = performance.now()
    // Of events that came together the later ones had no gap.
    for (const _ of chunk.toString().matchAll(/\n\n/g)) came.push(now)
  })
  await once(incoming, 'end')
  if (came.length !== TOKENS + 1) throw new Error(`${came.length} events came instead of ${TOKENS + 1}`)
  return came
    .slice(1)
    .map((now, i) => now - came[i]!)
    .sort((a, b) => a - b)
}

const at = (sorted: readonly number[], part: number): number => sorted[Math.ceil(part * sorted.length) - 1]!
