import type { FaultCounts } from '../faults.ts'
import type { World } from '../world/world.ts'
import { judgeAhead } from './ahead.ts'
import type { Evidence } from './evidence.ts'
import { judgeMoney } from './money.ts'
import { judgeUnpaid } from './unpaid.ts'

/** The last line of a run. Amounts are msat, as decimal strings. What each figure is, and how it was measured: README.md. */
export interface Verdict {
  readonly ok: boolean
  readonly kills: number
  readonly faults: FaultCounts
  readonly paid: string
  readonly settled: string
  readonly returned: string
  readonly fees: string
  readonly balances: string
  readonly unaccounted: string
  readonly maxUnpaid: string
  readonly credit: string
  readonly maxAhead: string
  readonly ahead: string
  /** The most that one crash made the seller forget of an agreement, the credit that bounds it, and all of it. */
  readonly maxForgotten: string
  readonly lease: string
  readonly forgotten: string
  readonly paidTwice: number
  readonly lostPayments: number
  /** What an LND never tells the outcome of, with no HTLC in any channel. */
  readonly stuck: number
  readonly payments: number
  readonly agreements: number
  readonly streams: number
  readonly seed: number
  readonly minutes: number
  readonly node: string
}

/** Ends of streams that no fault on the way explains. */
const WRONG = /^(count-mismatch|statement-invalid|invoice-mismatch|budget-|ledger-|internal|option-|node-corrupt)/

/** @returns the verdict, and what is wrong, in words */
export function judge(
  evidence: Evidence,
  run: {
    readonly standing: readonly string[]
    readonly world: World
    readonly faults: FaultCounts
    readonly seed: number
    readonly minutes: number
  },
): { readonly verdict: Verdict; readonly reasons: readonly string[] } {
  const money = judgeMoney(evidence)
  const unpaid = judgeUnpaid(evidence)
  const ahead = judgeAhead(evidence)
  const reasons = [...run.standing, ...money.faults, ...unpaid.faults, ...ahead.faults, ...troubles(evidence)]
  if (money.payments === 0) reasons.push('nothing was paid')
  const idle = [...evidence.delivered.values()].every(({ steps }) => steps === 0)
  if (idle) reasons.push('nothing was delivered')
  const verdict: Verdict = {
    ok: reasons.length === 0,
    kills: run.world.kills,
    faults: run.faults,
    paid: `${money.paid}`,
    settled: `${money.settled}`,
    returned: `${money.returned}`,
    fees: `${money.fees}`,
    balances: `${money.balances}`,
    unaccounted: `${money.unaccounted}`,
    maxUnpaid: `${unpaid.unpaid.most}`,
    credit: `${unpaid.unpaid.bound}`,
    maxAhead: `${ahead.ahead.most}`,
    ahead: `${ahead.ahead.bound}`,
    maxForgotten: `${unpaid.forgotten.most}`,
    lease: `${unpaid.forgotten.bound}`,
    forgotten: `${unpaid.forgottenInAll}`,
    paidTwice: money.paidTwice,
    lostPayments: money.lostPayments,
    stuck: money.stuck,
    payments: money.payments,
    agreements: evidence.delivered.size,
    streams: run.world.streams,
    seed: run.seed,
    minutes: run.minutes,
    node: run.world.backend.kind,
  }
  return { verdict, reasons }
}

function troubles({ buyerLogs }: Evidence): string[] {
  return [...buyerLogs].flatMap(([name, { notes }]) =>
    notes.flatMap((note) =>
      note.is === 'trouble' && (note.when === 'dispute' || WRONG.test(note.code))
        ? [`${name}, ${note.good}, ${note.when}: ${note.code}: ${note.text}`]
        : [],
    ),
  )
}
