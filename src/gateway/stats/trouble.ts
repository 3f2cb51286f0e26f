import { redact } from '../../errors/redact.ts'
import { formatMsat } from '../../money/msat.ts'
import type { WatchedEvent } from '../watched.ts'

/** Something that a seller has to know of, or look after. */
export interface Trouble {
  readonly atMs: number
  readonly kind:
    | 'return-delayed'
    | 'return-failed'
    | 'payout-delayed'
    | 'payout-failed'
    | 'payment-unknown'
    | 'stray'
    | 'error'
    | 'reload-failed'
  readonly route: string
  readonly agreement: string
  /** For people, in a sentence; plain text that may hold anything: to be escaped. */
  readonly text: string
}

const MAX_TEXT = 500

/** The trouble in an event; `undefined` where it is none. */
export function troubleOf(event: WatchedEvent): Trouble | undefined {
  const base = { atMs: event.atMs, route: ('route' in event && event.route) || '', agreement: '' }
  switch (event.type) {
    case 'error':
      return { ...base, kind: 'error', text: cut(`${event.error.message} (${event.error.code})`) }
    case 'stray': {
      const { agreement, amount } = event
      return { ...base, kind: 'stray', agreement, text: `${formatMsat(amount)} arrived for a forgotten agreement` }
    }
    case 'reload-failed':
      return { ...base, kind: 'reload-failed', text: cut(event.error.message) }
    case 'payout-delayed':
    case 'payout-failed': {
      const { recipient, amount, failure } = event.payout
      const what = event.type === 'payout-failed' ? 'could not be paid, and is owed again' : 'waits'
      const text = `A payout of ${formatMsat(amount)} to ${recipient} ${what}: ${failure || 'expired'}`
      return { ...base, kind: event.type, text: cut(text) }
    }
    case 'return-delayed':
    case 'return-failed': {
      const { amount, failure, attempts } = event.claim
      const { id, scope } = event.account.agreement
      const on = { ...base, route: event.route ?? scope, agreement: id }
      const what = formatMsat(amount)
      if (event.type === 'return-failed') {
        const text = `A return of ${what} cannot be paid to its invoice (${failure ?? 'expired'}); its buyer can ask again`
        return { ...on, kind: 'return-failed', text: cut(text) }
      }
      if (failure === 'in-flight') {
        return { ...on, kind: 'payment-unknown', text: `A return of ${what} is on its way; its end is not known yet` }
      }
      return { ...on, kind: 'return-delayed', text: cut(`A return of ${what} waits: ${failure}, attempt ${attempts}`) }
    }
    default:
      return undefined
  }
}

const cut = (text: string): string => redact(text).slice(0, MAX_TEXT)
