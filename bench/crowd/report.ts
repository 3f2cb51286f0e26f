import type { Settlement } from '../../src/lightning/node.ts'
import type { MemberResult, PaymentResult, RunResult, Stalls } from './members/orders.ts'
import type { Sold } from './processes.ts'

/** All that is known at the end of a run. */
export interface Evidence {
  readonly buyers: number
  readonly viewers: number
  readonly seconds: number
  readonly tokensPerSecond: number
  readonly gapMs: number
  readonly node: string
  readonly price: string
  readonly nodeLimit: { readonly perSecond: number; readonly medianMs: number }
  readonly unpaid: RunResult
  readonly run: RunResult
  readonly sold: Sold
  readonly trouble: readonly string[]
  /** By the records of both nodes: what came of the payments, and what came back of the returns. */
  readonly settled: { readonly seller: readonly Settlement[]; readonly buyer: readonly Settlement[] }
  readonly cpu: Readonly<Record<string, number>>
}

/** The last line of `npm run crowd --json`. Amounts are msat as decimal strings, times ms. */
export interface CrowdReport {
  readonly ok: boolean
  readonly reasons: readonly string[]
  readonly node: string
  /** Of the model. */
  readonly price: string
  readonly buyers: number
  readonly viewers: number
  readonly seconds: number
  /** Of the time in which all were there. */
  readonly tokens: number
  readonly playSeconds: number
  readonly tokensPerSecond: { readonly paid: number; readonly unpaid: number; readonly ideal: number }
  readonly playSecondsPerSecond: { readonly paid: number; readonly unpaid: number; readonly ideal: number }
  /** Streams that gave nothing for more than `boundMs`, and pictures that stood still: while all were there, and while they came. */
  readonly stalls: {
    readonly boundMs: number
    readonly paid: Stalls
    readonly unpaid: Stalls
    readonly joining: Stalls
  }
  /** How often, and for how long in all, a stream was held because money was missing. */
  readonly held: { readonly count: number; readonly ms: number }
  readonly firstMs: { readonly median: number; readonly most: number; readonly unpaidMedian: number }
  readonly failed: number
  readonly paymentsPerSecond: { readonly mean: number; readonly most: number }
  /** Payments a second that the two nodes carried with nothing else to do, before the run. */
  readonly nodeLimit: number
  readonly paymentMs: { readonly median: number; readonly p95: number; readonly alone: number }
  /** Of each stream's first payments, of all, and of each stream's last: the medians. */
  readonly paymentSize: { readonly first: string; readonly median: string; readonly last: string }
  readonly payments: number
  readonly paid: string
  readonly settled: string
  readonly delivered: string
  readonly returned: string
  /** Balances too small to return. */
  readonly kept: string
  /** Delivered on credit and not paid when the reader left. */
  readonly onCredit: string
  readonly fees: string
  /** Absolute differences of all that must be equal, summed. */
  readonly unaccounted: string
  readonly maxAhead: string
  readonly ahead: string
  readonly maxUnpaid: string
  readonly credit: string
  /** Cores that were busy while all were there, by process; Linux only. */
  readonly cpu: Readonly<Record<string, number>>
  /** How late the members' own event loop came, at the 99th percentile. */
  readonly lagMs: number
}

const SECOND_MS = 1000

/** What a run says of the crowd. Pure, so that what it calls wrong can be tested. */
export function report(evidence: Evidence): CrowdReport {
  const { buyers, viewers, seconds, gapMs, node, price, nodeLimit, unpaid, run, cpu } = evidence
  const { members, payments } = run
  const failures = members.flatMap(({ error }) => (error === undefined ? [] : [error]))
  const books = booksOf(evidence)
  const trades = members.flatMap(({ trade }) => (trade ? [trade] : []))
  const stalls = {
    boundMs: gapMs,
    paid: stallsOf(members.map((member) => member.stalls)),
    unpaid: stallsOf(unpaid.members.map((member) => member.stalls)),
    joining: stallsOf(members.map(({ joining }) => joining)),
  }
  const pays = paymentRate(run)
  const worst = trades.reduce(
    (most, { maxAhead, maxUnpaid }) => ({
      ahead: maxAhead > most.ahead ? maxAhead : most.ahead,
      unpaid: maxUnpaid > most.unpaid ? maxUnpaid : most.unpaid,
    }),
    { ahead: 0n, unpaid: 0n },
  )
  const reasons = [
    ...counted(failures),
    ...books.reasons,
    ...evidence.trouble.map((text) => `the gateway: ${text}`),
    ...(trades.some(({ maxAhead, ahead }) => maxAhead > ahead) ? ['more than the window was paid ahead'] : []),
    ...(stalls.paid.count > stalls.unpaid.count
      ? [`${stalls.paid.count} stalls, up to ${Math.round(stalls.paid.longestMs)} ms`]
      : []),
    ...(pays.mean >= nodeLimit.perSecond ? ['as many payments a second as the nodes carry alone'] : []),
  ]
  const took = sorted(payments.map(({ tookMs }) => tookMs))
  const first = sorted(members.flatMap(({ firstMs }) => (firstMs === undefined ? [] : [firstMs])))
  return {
    ok: reasons.length === 0,
    reasons,
    node,
    price,
    buyers,
    viewers,
    seconds,
    tokens: got(run, 'buyer'),
    playSeconds: Math.round(got(run, 'viewer') / SECOND_MS),
    tokensPerSecond: {
      paid: perSecond(run, 'buyer'),
      unpaid: perSecond(unpaid, 'buyer'),
      ideal: buyers * evidence.tokensPerSecond,
    },
    playSecondsPerSecond: {
      paid: tenth(perSecondExact(run, 'viewer') / SECOND_MS),
      unpaid: tenth(perSecondExact(unpaid, 'viewer') / SECOND_MS),
      ideal: viewers,
    },
    stalls,
    held: {
      count: trades.reduce((sum, { halted }) => sum + halted, 0),
      ms: Math.round(trades.reduce((sum, { haltedMs }) => sum + haltedMs, 0)),
    },
    firstMs: {
      median: Math.round(at(first, 0.5)),
      most: Math.round(at(first, 1)),
      unpaidMedian: Math.round(
        at(sorted(unpaid.members.flatMap(({ firstMs }) => (firstMs === undefined ? [] : [firstMs]))), 0.5),
      ),
    },
    failed: failures.length,
    paymentsPerSecond: pays,
    nodeLimit: tenth(nodeLimit.perSecond),
    paymentMs: {
      median: Math.round(at(took, 0.5)),
      p95: Math.round(at(took, 0.95)),
      alone: Math.round(nodeLimit.medianMs),
    },
    paymentSize: sizesOf(payments),
    payments: payments.filter(({ settled }) => settled).length,
    paid: `${books.paid}`,
    settled: `${books.settled}`,
    delivered: `${books.delivered}`,
    returned: `${books.returned}`,
    kept: `${books.kept}`,
    onCredit: `${books.onCredit}`,
    fees: `${sum(trades.map(({ fees }) => fees))}`,
    unaccounted: `${books.unaccounted}`,
    maxAhead: `${worst.ahead}`,
    ahead: `${trades[0]?.ahead ?? 0n}`,
    maxUnpaid: `${worst.unpaid}`,
    credit: `${trades[0]?.credit ?? 0n}`,
    cpu,
    lagMs: Math.round(run.lagMs),
  }
}

/** Everything that two of buyer, seller, gateway and nodes say of the same money is compared. */
function booksOf({ run, sold, settled: told }: Evidence) {
  const { members, payments } = run
  const reasons: string[] = []
  const trades = members.flatMap(({ trade }) => (trade ? [trade] : []))
  const closings = trades.flatMap(({ closing }) => (closing ? [closing] : []))
  let unaccounted = 0n
  const hold = (what: string, a: bigint, b: bigint): void => {
    if (a === b) return
    unaccounted += a > b ? a - b : b - a
    reasons.push(`${what}: ${a} and ${b} msat`)
  }
  const paid = sum(trades.map((trade) => trade.paid))
  const settled = sum(told.seller.map(({ amount }) => amount))
  const delivered = sum(closings.map((closing) => closing.delivered))
  const returned = sum(closings.map((closing) => (closing.returned === 'settled' ? closing.amount : 0n)))
  hold('what members paid, and what their node settled', paid, sum(payments.map((p) => (p.settled ? p.amount : 0n))))
  hold("what members paid, and what the seller's node settled", paid, settled)
  hold('what members paid, and what the gateway was paid', paid, sold.paid)
  hold('what closings say was delivered, and what the gateway says', delivered, sold.delivered)
  hold('what came back, and what the node of the members says', returned, sum(told.buyer.map(({ amount }) => amount)))
  let onCredit = 0n
  let kept = 0n
  for (const { agreement, closing, paid: own, received, inFlight } of trades) {
    if (!closing) {
      unaccounted += own
      reasons.push(`agreement ${agreement} was not closed`)
      continue
    }
    const { delivered: charged, balance } = closing
    hold(`agreement ${agreement}: what its two sides say was paid`, closing.paid, own)
    hold(`agreement ${agreement}: what is still on its way`, inFlight, 0n)
    const unpaid = charged > closing.paid ? charged - closing.paid : 0n
    onCredit += unpaid
    hold(`agreement ${agreement}: paid, and delivered with its balance`, closing.paid + unpaid, charged + balance)
    if (closing.returned !== 'settled') kept += balance
    if (closing.dispute !== undefined) reasons.push(`agreement ${agreement}: ${closing.dispute}`)
    if (closing.returned === 'failed' || closing.returned === 'pending') {
      reasons.push(`agreement ${agreement}: its balance did not come back`)
    }
    if (received > charged) reasons.push(`agreement ${agreement}: received more than was charged`)
  }
  return { paid, settled, delivered, returned, kept, onCredit, unaccounted, reasons }
}

/** Settled payments a second while all were there, in the mean and in the busiest second of the whole run. */
function paymentRate({ payments, fromMs, toMs }: RunResult): { mean: number; most: number } {
  const ends = payments.filter(({ settled }) => settled).map(({ atMs, tookMs }) => atMs + tookMs)
  const within = ends.filter((ms) => ms >= fromMs && ms < toMs)
  const seconds = new Map<number, number>()
  for (const ms of ends) {
    const second = Math.floor(ms / SECOND_MS)
    seconds.set(second, (seconds.get(second) ?? 0) + 1)
  }
  return { mean: tenth((within.length * SECOND_MS) / (toMs - fromMs)), most: Math.max(0, ...seconds.values()) }
}

function sizesOf(payments: readonly PaymentResult[]): CrowdReport['paymentSize'] {
  const own = new Map<string, PaymentResult[]>()
  for (const payment of payments) own.set(payment.agreement, [...(own.get(payment.agreement) ?? []), payment])
  const streams = [...own.values()].map((list) => list.toSorted((a, b) => a.atMs - b.atMs))
  const median = (amounts: readonly bigint[]): string =>
    `${amounts.toSorted((a, b) => Number(a - b))[Math.floor(amounts.length / 2)] ?? 0n}`
  return {
    first: median(streams.map((list) => list[0]!.amount)),
    median: median(payments.map(({ amount }) => amount)),
    last: median(streams.map((list) => list.at(-1)!.amount)),
  }
}

function stallsOf(each: readonly Stalls[]): Stalls {
  return {
    count: each.reduce((total, { count }) => total + count, 0),
    longestMs: Math.round(Math.max(0, ...each.map(({ longestMs }) => longestMs))),
    totalMs: Math.round(each.reduce((total, { totalMs }) => total + totalMs, 0)),
  }
}

const got = ({ members }: RunResult, kind: MemberResult['kind']): number =>
  members.reduce((total, member) => total + (member.kind === kind ? member.got : 0), 0)

const perSecondExact = (run: RunResult, kind: MemberResult['kind']): number =>
  (got(run, kind) * SECOND_MS) / (run.toMs - run.fromMs)

const perSecond = (run: RunResult, kind: MemberResult['kind']): number => Math.round(perSecondExact(run, kind))

/** What failed, each with how often. */
function counted(failures: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const text of failures) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].map(([text, count]) => `${count} × ${text}`)
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)
const at = (values: readonly number[], part: number): number =>
  values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0
const tenth = (value: number): number => Math.round(value * 10) / 10
