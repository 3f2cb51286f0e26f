import { routeOfScope } from './names.ts'
import type { WatchedEvent } from './watched.ts'

/** An event as flat data: what logs, diagnostics channels and webhooks say of it. Amounts are decimal strings of msat. Nothing secret is in it. */
export type EventRecord = Readonly<Record<string, string | number | boolean>> & {
  readonly type: string
  readonly atMs: number
}

/** @example recordOf(event) // { type: 'closed', atMs: 1…, route: 'chat', agreement: '8f69…', paidMsat: '23000', … } */
export function recordOf(event: WatchedEvent): EventRecord {
  const { type, atMs } = event
  const head = { type, atMs, ...('route' in event && event.route !== undefined && { route: event.route }) }
  if ('account' in event) {
    const { agreement, gate, payments, returned } = event.account
    return {
      route: routeOfScope(agreement.scope),
      ...head,
      agreement: agreement.id,
      ...('client' in event && event.client !== undefined && { client: event.client }),
      paidMsat: `${gate.paid}`,
      deliveredMsat: `${gate.delivered}`,
      returnedMsat: `${returned}`,
      steps: `${gate.deliveredSteps}`,
      unit: agreement.price.unit,
      payments,
      ...('claim' in event && claimOf(event.claim)),
    }
  }
  switch (event.type) {
    case 'request':
      return { ...head, status: event.status, ms: Math.round(event.ms), bytes: event.bytes }
    case 'error':
    case 'reload-failed':
      return { ...head, code: event.error.code, message: event.error.message, hint: event.error.hint }
    case 'owed':
      return { ...head, amountMsat: `${event.debts.amount}`, agreements: event.debts.agreements }
    case 'stray':
      return {
        ...head,
        agreement: event.agreement,
        paymentHash: event.paymentHash,
        amountMsat: `${event.amount}`,
      }
    case 'reloaded':
      return { ...head, routes: event.routes.length }
    case 'payout-settled':
    case 'payout-delayed':
    case 'payout-failed': {
      const { recipient, amount, fee, paymentHash, attempts, failure } = event.payout
      const reason = type !== 'payout-settled' && failure !== '' && { reason: failure }
      return { ...head, recipient, amountMsat: `${amount}`, feeMsat: `${fee}`, paymentHash, attempts, ...reason }
    }
  }
}

function claimOf(claim: { amount: bigint; paymentHash: string; attempts: number; fee: bigint; failure?: string }) {
  const { amount, paymentHash, attempts, fee, failure } = claim
  return {
    amountMsat: `${amount}`,
    paymentHash,
    attempts,
    feeMsat: `${fee}`,
    ...(failure !== undefined && { reason: failure }),
  }
}
