import type { Journal } from '../ledger/journal.ts'
import { hostOf } from '../ledger/journalTime.ts'
import { type CallerLimits, callerLimitsAt, strictest } from '../ledger/limits.ts'

/**
 * The journal as one caller sees it: its agreements are its own, and what it pays is held against its limits, in the transaction that writes it.
 * @param name none for whoever has no limits of its own
 * @param limits as they are now; `undefined` once the caller was taken away, and nothing more is paid for it
 */
export function journalOf(journal: Journal, name: string | undefined, limits: () => CallerLimits | undefined): Journal {
  const own = name === undefined ? {} : { caller: name }
  const limitsAt = (origin: string) => callerLimitsAt(limits() ?? { hosts: {} }, hostOf(origin))
  const changed: Partial<Journal> = {
    addAgreement: (agreement) => journal.addAgreement({ ...agreement, ...own }),
    addPayment: (payment, given = {}) =>
      journal.addPayment({ ...payment, ...own }, strictest(given, limitsAt(payment.origin))),
    repeatPayment: (payment, given = {}) =>
      journal.repeatPayment({ ...payment, ...own }, strictest(given, limitsAt(payment.origin))),
    agreements: async (state) => (await journal.agreements(state)).filter(({ caller }) => caller === name),
  }
  return new Proxy(journal, {
    get(target, property) {
      const value = changed[property as keyof Journal] ?? target[property as keyof Journal]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
