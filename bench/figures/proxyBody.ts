import { formatMsat } from '../../src/money/msat.ts'
import { type Figure, median, round } from '../figure.ts'
import { cpuMs } from '../process.ts'
import { type Forwarder, openProxyStand, readAll } from '../proxy/stand.ts'

const MIB = 2 ** 20
const BYTES = 512 * MIB
const ROUNDS = 6
const WINDOW = '512 sat'

interface Sample {
  readonly seconds: number
  readonly hopMs: number
  readonly readerMs: number
}

/** 512 MiB through `streampay proxy`, paid by the byte on an open agreement, against a plain forwarder of the same seller unpaid. */
export async function proxyBody(): Promise<Figure> {
  const source = { kind: 'bytes', bytes: BYTES } as const
  const stand = await openProxyStand({ price: '1 sat/MiB', credit: WINDOW, source }, { ahead: WINDOW })
  const { paying, plain } = stand
  const pairs: Array<{ readonly paid: Sample; readonly free: Sample }> = []
  // The first round warms up both, and makes the agreement. Each goes first in every other one.
  for (let i = 0; i <= ROUNDS; i++) {
    const order = i % 2 === 0 ? [paying, plain] : [plain, paying]
    const samples = [await measure(order[0]!), await measure(order[1]!)] as const
    if (i > 0) pairs.push(i % 2 === 0 ? { paid: samples[0], free: samples[1] } : { paid: samples[1], free: samples[0] })
  }
  const trade = await paying.trade()
  await stand.close()
  const over = (of: (pair: (typeof pairs)[number]) => number): number => round(median(pairs.map(of)))
  const ratio = over(({ paid, free }) => free.seconds / paid.seconds)
  return {
    name: 'proxy-body',
    value: round(BYTES / MIB / over(({ paid }) => paid.seconds)),
    unit: 'MiB/s',
    counterpart: 'the same seller without its paywall through a plain node:http proxy',
    counterpartValue: round(BYTES / MIB / over(({ free }) => free.seconds)),
    ratio,
    goal: 'ratio >= 0.85',
    held: ratio >= 0.85,
    note:
      `CPU for 512 MiB: paying proxy ${over(({ paid }) => paid.hopMs)} ms with its node, plain one ${over(({ free }) => free.hopMs)} ms; ` +
      `reader ${over(({ paid }) => paid.readerMs)} and ${over(({ free }) => free.readerMs)} ms; ` +
      `${trade.payments} payments in all at 1 sat/MiB, windows ${WINDOW} a side, stalled ${Math.round(trade.stallMs)} ms in all; ` +
      `at risk at most ${formatMsat(BigInt(trade.maxAhead))}; median of ${ROUNDS} pairs`,
  }
}

async function measure({ url, cpuMs: hopCpuMs }: Forwarder): Promise<Sample> {
  const [hopBefore, readerBefore] = [await hopCpuMs(), cpuMs()]
  const startedAt = performance.now()
  const bytes = await readAll(`${url}/body`)
  const seconds = (performance.now() - startedAt) / 1000
  if (bytes !== BYTES) throw new Error(`${bytes} bytes came instead of ${BYTES}`)
  return { seconds, readerMs: cpuMs() - readerBefore, hopMs: (await hopCpuMs()) - hopBefore }
}
