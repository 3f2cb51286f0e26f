import { StreamError } from '../errors/error.ts'
import { type Msat, msat } from '../money/msat.ts'
import type { Journal, JournalPayment } from './journal.ts'
import { dayBefore, hostOf, hourOf } from './journalTime.ts'
import { type CallerLimits, callerLimitsAt, type Limits, strictest } from './limits.ts'

/**
 * A journal as one of several callers has it, where one process pays for all of them: what it writes carries the caller's name, and is held
 * against its limits as well as everybody's, in the same transaction; what it reads is its own. A buyer that is given it takes up this
 * caller's agreements and no others.
 *
 * Whether a payment hash was ever written, for anybody, is for the journal itself to know: it is still sent once.
 *
 * @param name of the caller, and not empty: the owner has the journal itself
 * @param limits or what tells them as they are at each payment; `undefined` once the caller was taken away, and nothing more is paid for it
 * @example createBuyer({ node, journal: ofCaller(journal, 'claude', { max: sat(100) }) })
 */
export function ofCaller(
  journal: Journal,
  name: string,
  limits: CallerLimits | (() => CallerLimits | undefined) = {},
): Journal {
  if (name === '') throw new StreamError('option-invalid', 'a caller has a name')
  const isOwn = (entry: { readonly caller?: string }): boolean => entry.caller === name
  const own = <T extends { readonly caller?: string }>(entry: T | undefined): T | undefined =>
    entry && isOwn(entry) ? entry : undefined
  const now = typeof limits === 'function' ? limits : () => limits
  const under = (origin: string, given: Limits = {}): Limits =>
    strictest(given, callerLimitsAt(now() ?? NOTHING, hostOf(origin)))
  return {
    addAgreement: (agreement) => journal.addAgreement({ ...agreement, caller: name }),
    holdAgreement: async (id) => own(await journal.getAgreement(id)) !== undefined && journal.holdAgreement(id),
    releaseAgreement: (id) => journal.releaseAgreement(id),
    noteReceived: (id, steps) => journal.noteReceived(id, steps),
    closeAgreement: (id, statement) => journal.closeAgreement(id, statement),
    noteFault: (id, fault) => journal.noteFault(id, fault),
    noteReturn: (id, entry) => journal.noteReturn(id, entry),
    getAgreement: async (id) => own(await journal.getAgreement(id)),
    agreements: async (state) => (await journal.agreements(state)).filter(isOwn),
    addPayment: (payment, given) => journal.addPayment({ ...payment, caller: name }, under(payment.origin, given)),
    repeatPayment: (payment, given) =>
      journal.repeatPayment({ ...payment, caller: name }, under(payment.origin, given)),
    endPayment: (paymentHash, end) => journal.endPayment(paymentHash, end),
    getPayment: async (paymentHash) => own(await journal.getPayment(paymentHash)),
    payments: (filter) => journal.payments({ ...filter, caller: name }),
    abandonedPayments: async () => (await journal.abandonedPayments()).filter(isOwn),
    limits: () => journal.limits(),
    setLimit: async () => {
      throw new StreamError('owner-only', 'limits for all are for the owner to set')
    },
    spending: () => spendingOf(journal, name),
    callerSpending: (caller) => journal.callerSpending(caller),
    // Others go on with it.
    end: async () => {},
  }
}

/** The limits of nobody: no host where it may pay. */
const NOTHING: CallerLimits = { hosts: {} }

const HOUR_MS = 3_600_000

/** By host and for routing, it is added up here: no limit is held against that. */
async function spendingOf(journal: Journal, caller: string) {
  const since = dayBefore(Date.now())
  const recent = await journal.payments({ caller, sinceMs: since * HOUR_MS })
  const hosts = new Map<string, Msat>()
  let fees = 0n
  for (const payment of recent.filter(({ createdAtMs }) => hourOf(createdAtMs) >= since)) {
    const host = hostOf(payment.origin)
    const fee = feeOf(payment)
    hosts.set(host, msat((hosts.get(host) ?? 0n) + (payment.status === 'failed' ? 0n : payment.amount + fee)))
    fees += fee
  }
  const sorted = new Map([...hosts].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { ...(await journal.callerSpending(caller)), fees, hosts: sorted }
}

const feeOf = ({ status, fee, maxFee }: JournalPayment): bigint =>
  status === 'failed' ? 0n : status === 'settled' ? fee : maxFee
