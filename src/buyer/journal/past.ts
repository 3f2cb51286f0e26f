import type { Journal, JournalAgreement, JournalPayment } from '../../ledger/journal.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import { comparePrices } from '../../money/price.ts'
import { type Tariff, tariffWithin } from '../../money/tariff.ts'
import type { Offer } from '../../terms/terms.ts'
import { decodeAgreement } from '../../wire/agreement.ts'
import type { Challenge } from '../../wire/challenge.ts'
import type { Deal } from '../offers/negotiate.ts'

/** What an earlier run of this buyer did on an agreement, as the journal has it. */
export interface Past {
  readonly paid: Msat
  readonly fees: Msat
  readonly payments: number
  /** Steps that were received, by the buyer's own count; a run that was killed may have received a little more. */
  readonly receivedSteps: bigint
  /** Payments of this node whose outcome is not known yet. They count as in flight. */
  readonly open: readonly JournalPayment[]
}

export const NO_PAST: Past = { paid: ZERO, fees: ZERO, payments: 0, receivedSteps: 0n, open: [] }

/** What the journal has of an agreement's payments, and how much of it was received. */
export async function readPast(journal: Journal, { id, receivedSteps }: JournalAgreement): Promise<Past> {
  const payments = (await journal.payments({ agreementId: id })).filter(({ status }) => status !== 'failed')
  const settled = payments.filter(({ status }) => status === 'settled')
  return {
    paid: msat(settled.reduce((sum, { amount }) => sum + amount, 0n)),
    fees: msat(settled.reduce((sum, { fee }) => sum + fee, 0n)),
    payments: payments.length,
    receivedSteps,
    open: payments.filter(({ status }) => status !== 'settled'),
  }
}

/**
 * An agreement as it lies in the journal, in the hands of the buyer again. Its first invoices are old and left out.
 * `undefined` if it cannot be read: another version wrote it.
 */
export function dealOf({ agreement: json, challenge }: JournalAgreement): Deal | undefined {
  try {
    const { agreement, secret } = decodeAgreement(JSON.parse(json))
    return { agreement, secret, challenge: JSON.parse(challenge) as Challenge, invoices: [], json }
  } catch {
    return undefined
  }
}

/** Whether an agreement serves an offer: the same seller, the same things, at no higher price, and for a while yet. */
export function serves({ agreement }: Deal, offer: Offer, nowMs: number): boolean {
  const { scope, payee, network, price, tariff, expiresAtMs } = agreement
  if (!sameOrCheaper(tariff, offer.tariff)) return false
  if (price.unit !== offer.price.unit || comparePrices(price, offer.price) > 0) return false
  const isSame = scope === offer.scope && payee === offer.payee && network === offer.network
  // A seller that signs no more could not close an agreement that is to be signed.
  return isSame && agreement.unsigned === offer.unsigned && expiresAtMs - nowMs > SHORTEST_LIFE_MS
}

const sameOrCheaper = (own: Tariff | undefined, offered: Tariff | undefined): boolean =>
  own === offered || (own !== undefined && offered !== undefined && tariffWithin(own, offered))

/** An agreement that ends sooner is left to be closed. */
const SHORTEST_LIFE_MS = 30_000
