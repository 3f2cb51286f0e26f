import { type Figure, median, round } from '../figure.ts'
import { openProxyStand, readAll } from '../proxy/stand.ts'

const REQUESTS = 2000
const WARM_UP = 200

/** What `streampay proxy` adds to a small request on an open agreement, against the same seller asked without its paywall. */
export async function proxyLatency(): Promise<Figure> {
  const stand = await openProxyStand(
    { price: '1 msat/request', credit: '10 sat', source: { kind: 'hello' } },
    { ahead: '100 sat' },
  )
  const { paying, plain, shop } = stand
  const samples: Array<Readonly<Record<'paid' | 'plain' | 'direct', number>>> = []
  for (let i = 0; i < WARM_UP + REQUESTS; i++) {
    const sample = { paid: await timed(paying.url), plain: await timed(plain.url), direct: await timed(shop.freeUrl) }
    if (i >= WARM_UP) samples.push(sample)
  }
  const trade = await paying.trade()
  await stand.close()
  const over = (of: (sample: (typeof samples)[number]) => number): number => round(median(samples.map(of)))
  const added = over(({ paid, direct }) => paid - direct)
  return {
    name: 'proxy-latency',
    value: added,
    unit: 'ms',
    counterpart: 'what a plain node:http proxy adds',
    counterpartValue: over(({ plain: through, direct }) => through - direct),
    ratio: round(over(({ paid }) => paid) / over(({ direct }) => direct)),
    goal: 'value <= 2',
    held: added <= 2,
    note: `one request at a time: ${over(({ paid }) => paid)} ms paid through the proxy, ${over(({ direct }) => direct)} ms at the seller itself; ${trade.payments} payments; median of ${REQUESTS}`,
  }
}

async function timed(url: string): Promise<number> {
  const startedAt = performance.now()
  await readAll(`${url}/hello`)
  return performance.now() - startedAt
}
