import fc from 'fast-check'
import { msat, ZERO } from '../../money/msat.ts'
import type { Ledger } from '../ledger.ts'
import { agreement, hash, id, invoice } from './samples.ts'

/** One thing that is asked of a ledger. Numbers name agreements and payment hashes; amounts are in msat. */
export type Step =
  | {
      readonly do: 'add'
      readonly of: number
      readonly atMs: number
      readonly hashes: readonly number[]
      readonly untilMs: number
    }
  | { readonly do: 'invoice'; readonly of: number; readonly hashes: readonly number[]; readonly untilMs: number }
  | { readonly do: 'settle'; readonly hash: number; readonly amount: bigint; readonly index: bigint }
  | { readonly do: 'lease'; readonly of: number; readonly delivered: bigint; readonly ahead: bigint }
  | { readonly do: 'close'; readonly of: number; readonly delivered: bigint }
  | { readonly do: 'return'; readonly of: number; readonly hash: number; readonly amount: bigint }
  | { readonly do: 'endReturn'; readonly hash: number; readonly status: 'settled' | 'failed' }
  | { readonly do: 'delay'; readonly hash: number; readonly attempts: number }
  | { readonly do: 'forget'; readonly sinceMs: number }
  | {
      readonly do: 'offer'
      readonly of: number
      readonly atMs: number
      readonly hash: number
      readonly untilMs: number
    }
  | { readonly do: 'claim'; readonly of: number; readonly scheme: 'charge' | 'l402' | 'session' }
  | { readonly do: 'topUp'; readonly of: number; readonly to: number }
  | { readonly do: 'start' }

export const AGREEMENTS = 4
const HASHES = 12

// Few agreements, hashes, amounts and times, so that steps meet.
const of = fc.integer({ min: 1, max: AGREEMENTS })
const anyHash = fc.integer({ min: 1, max: HASHES })
const hashes = fc.uniqueArray(anyHash, { maxLength: 3 })
const count = fc.bigInt({ min: 0n, max: 3000n })
const amount = fc.bigInt({ min: 0n, max: 2000n })
const time = fc.integer({ min: 0, max: 20 })
const named = <T extends string>(name: T) => fc.constant(name)

export const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: named('add'), of, atMs: time, hashes, untilMs: time }),
  fc.record({ do: named('invoice'), of, hashes, untilMs: time }),
  fc.record({ do: named('settle'), hash: anyHash, amount: amount.map((n) => n + 1n), index: fc.bigInt(1n, 30n) }),
  fc.record({ do: named('lease'), of, delivered: count, ahead: count }),
  fc.record({ do: named('close'), of, delivered: count }),
  fc.record({ do: named('return'), of, hash: anyHash, amount }),
  fc.record({ do: named('endReturn'), hash: anyHash, status: fc.constantFrom('settled' as const, 'failed' as const) }),
  fc.record({ do: named('delay'), hash: anyHash, attempts: time }),
  fc.record({ do: named('forget'), sinceMs: time }),
  fc.record({ do: named('start') }),
  fc.record({ do: named('offer'), of, atMs: time, hash: anyHash, untilMs: time }),
  fc.record({
    do: named('claim'),
    of,
    scheme: fc.constantFrom('charge' as const, 'l402' as const, 'session' as const),
  }),
  fc.record({ do: named('topUp'), of, to: of }),
)

export function take(ledger: Ledger, step: Step): Promise<unknown> {
  switch (step.do) {
    case 'add':
      return ledger.addAgreement(agreement(step.of), step.atMs, invoices(step))
    case 'invoice':
      return ledger.addInvoices(id(step.of), invoices(step))
    case 'settle':
      return ledger.settle({ index: step.index, paymentHash: hash(step.hash), amount: msat(step.amount) })
    case 'lease':
      return ledger.lease(id(step.of), step.delivered, step.delivered + step.ahead)
    case 'close':
      return ledger.close(id(step.of), step.delivered, `{"steps":${step.delivered}}`)
    case 'return':
      return ledger.addReturn({
        agreementId: id(step.of),
        paymentHash: hash(step.hash),
        request: 'lnbcrt',
        amount: msat(step.amount),
        expiresAtMs: step.hash,
      })
    case 'endReturn':
      return ledger.endReturn(hash(step.hash), step.status, ZERO)
    case 'delay':
      return ledger.delayReturn(hash(step.hash), { attempts: step.attempts, nextAttemptMs: 1, failure: 'no-route' })
    case 'forget':
      return ledger.pruneUnpaid(step.sinceMs)
    case 'start':
      return ledger.countStart()
    case 'offer':
      return ledger.addAgreement(agreement(step.of), step.atMs, [invoice(step.hash, step.untilMs)], 'offered')
    case 'claim':
      return ledger.claim(id(step.of), {
        scheme: step.scheme,
        ...(step.scheme === 'session' && { reference: 'lnbcrt' }),
      })
    case 'topUp':
      return ledger.topUp(id(step.of), id(step.to))
  }
}

const invoices = (step: { readonly hashes: readonly number[]; readonly untilMs: number }) =>
  step.hashes.map((n) => invoice(n, step.untilMs))

/** All that a ledger tells. */
export async function tell(ledger: Ledger) {
  const ids = Array.from({ length: AGREEMENTS }, (_, i) => id(i + 1))
  return {
    agreements: await Promise.all(ids.map((one) => ledger.getAgreement(one))),
    statements: await Promise.all(ids.map((one) => ledger.closingStatement(one))),
    openInvoices: await Promise.all(ids.flatMap((one) => [0, 10].map((nowMs) => ledger.countOpenInvoices(one, nowMs)))),
    open: await ledger.countOpen(),
    index: await ledger.settlementIndex(),
    returns: await ledger.pendingReturns(),
    ended: await Promise.all(Array.from({ length: HASHES }, (_, i) => ledger.getReturn(hash(i + 1)))),
    owed: await Promise.all([0n, 500n].map((least) => ledger.owed(0, msat(least)))),
    oldest: await ledger.oldestUnpaidMs(),
    sessions: await ledger.unfinishedSessions(msat(500n)),
    expiries: await Promise.all(ids.map((one) => ledger.nextInvoiceExpiryMs(one, 5))),
  }
}
