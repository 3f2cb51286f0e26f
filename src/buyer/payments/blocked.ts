import { StreamError } from '../../errors/error.ts'
import { LIMIT_OF, type LimitUse } from '../../ledger/limits.ts'
import { formatMsat, type Msat } from '../../money/msat.ts'
import type { Decision } from '../../window/window.ts'

/** What a payer's last decision rests on. */
export interface Blockage {
  readonly decision: Decision | undefined
  readonly unknown: Msat
  readonly ahead: Msat
  /** The budget of the buyer object. */
  readonly max: Msat
  /** The limit in the journal that refused a payment. */
  readonly refusedBy: LimitUse | undefined
  /** The limit on a request, where that is what is used up. */
  readonly request: Msat | undefined
}

/** Why the next payment cannot be made, as an error; `undefined` if it can, or if nothing is to be paid. */
export function blockedError({ decision, unknown, ahead, max, refusedBy, request }: Blockage): StreamError | undefined {
  if (!decision || !('wait' in decision)) return undefined
  if (decision.wait === 'budget') {
    if (request !== undefined) return limitError({ limit: 'request', max: request, spent: request })
    return refusedBy ? limitError(refusedBy) : budgetError(max)
  }
  if (decision.wait !== 'window' || decision.need === undefined) return undefined
  if (unknown > 0n) {
    const text = `payments of ${formatMsat(unknown)} have no known outcome yet`
    return new StreamError('payment-unknown', text, { unknown: `${unknown}` })
  }
  return windowError(decision.need, ahead)
}

/** Payments that the seller waits for are on their way, and do not arrive. */
export function stuckError(inFlight: Msat): StreamError {
  const text = `payments of ${formatMsat(inFlight)} are in flight and do not settle`
  return new StreamError('payment-unknown', text, { unknown: `${inFlight}` })
}

/** The seller says that more left than arrived, and nothing comes. */
export function heldBackError(unit: string, stated: bigint, received: bigint): StreamError {
  const text = `the seller sent ${stated} ${unit}s and ${received} arrived: a proxy on the way seems to hold the rest back`
  return new StreamError('response-buffered', text, { stated: `${stated}` })
}

export function windowError(need: Msat, ahead: Msat): StreamError {
  const text = `the next step needs --ahead ${formatMsat(need)}, not ${formatMsat(ahead)}`
  return new StreamError('window-too-small', text, { ahead: `${ahead}`, needed: `${need}` })
}

/** A limit is used up: which one, and how far. */
export function limitError({ limit, max, spent }: LimitUse): StreamError {
  const text = `the limit of ${formatMsat(max)} ${LIMIT_OF[limit]} does not cover the next payment`
  return new StreamError('budget-exhausted', text, { limit, max: `${max}`, spent: `${spent}` })
}

const budgetError = (max: Msat): StreamError =>
  new StreamError('budget-exhausted', `the budget of ${formatMsat(max)} does not cover the next payment`, {
    max: `${max}`,
  })
