import { createBuyer } from '../../src/buyer/buyer.ts'
import type { TradeSummary } from '../../src/buyer/trade/summary.ts'
import { median, round } from '../figure.ts'
import { cpuMs } from '../process.ts'
import type { Hop, Stand } from './stand.ts'

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

/** The same work through the gateway, paid, and through the plain proxy, by the same reader. */
export interface Work {
  /** Of the buyer: what it may have paid ahead. */
  readonly ahead: string
  readonly rounds: number
  /** @throws Error if what came is not whole */
  read(fetch: Fetch, base: string): Promise<void>
}

/** Medians over all pairs. */
export interface Pairs {
  readonly paidS: number
  readonly plainS: number
  /** Of the rates, pair by pair: 1 is as fast as the plain proxy. */
  readonly ratio: number
  /** Spent on one round, which says more than the time does where others use the machine. In ms. */
  readonly cpu: Readonly<Record<'gateway' | 'proxy' | 'buyer' | 'plainReader', number>>
  /** The agreement on which all rounds were sold. */
  readonly trade: TradeSummary
}

interface Sample {
  readonly seconds: number
  readonly hopMs: number
  readonly readerMs: number
}

/**
 * Runs both in turn, each first in every other round, so that a machine that grows slower slows both. What is paid is on an open agreement: how
 * long it takes to come to one is the figure `first-byte`.
 */
export async function measurePairs({ node, gateway, proxy }: Stand, { ahead, rounds, read }: Work): Promise<Pairs> {
  const pairs: Array<{ readonly paid: Sample; readonly plain: Sample }> = []
  const buyer = createBuyer({ node, max: '100 000 sat', ahead })
  const pay = () => measure(gateway, () => read((url, init) => buyer.fetch(url, init), gateway.url))
  const passOn = () => measure(proxy, () => read(fetch, proxy.url))
  // The first round warms up both, and makes the agreement.
  for (let i = 0; i <= rounds; i++) {
    const first = i % 2 === 0 ? await pay() : await passOn()
    const second = i % 2 === 0 ? await passOn() : await pay()
    if (i > 0) pairs.push(i % 2 === 0 ? { paid: first, plain: second } : { paid: second, plain: first })
  }
  const [trade] = buyer.trades
  await buyer.close()
  const over = (of: (pair: (typeof pairs)[number]) => number): number => round(median(pairs.map(of)))
  return {
    paidS: over(({ paid }) => paid.seconds),
    plainS: over(({ plain }) => plain.seconds),
    ratio: over(({ paid, plain }) => plain.seconds / paid.seconds),
    cpu: {
      gateway: over(({ paid }) => paid.hopMs),
      proxy: over(({ plain }) => plain.hopMs),
      buyer: over(({ paid }) => paid.readerMs),
      plainReader: over(({ plain }) => plain.readerMs),
    },
    trade: trade!,
  }
}

async function measure(hop: Hop, work: () => Promise<void>): Promise<Sample> {
  const [hopBefore, readerBefore] = [await hop.cpuMs(), cpuMs()]
  const startedAt = performance.now()
  await work()
  const seconds = (performance.now() - startedAt) / 1000
  return { seconds, readerMs: cpuMs() - readerBefore, hopMs: (await hop.cpuMs()) - hopBefore }
}
