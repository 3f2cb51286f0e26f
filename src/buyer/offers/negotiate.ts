import { StreamError } from '../../errors/error.ts'
import type { NodeIdentity } from '../../lightning/node.ts'
import type { Msat } from '../../money/msat.ts'
import { formatPrice } from '../../money/price.ts'
import { chargesOf, formatTariff } from '../../money/tariff.ts'
import { type BuyerStrategy, haggler, type Move, type PriceLimits } from '../../terms/strategy.ts'
import type { Agreement, Offer, Terms } from '../../terms/terms.ts'
import { decodeAgreement, differingTerms } from '../../wire/agreement.ts'
import { type Challenge, isExpired } from '../../wire/challenge.ts'
import { decodeOffer } from '../../wire/offer.ts'
import { toBid } from '../../wire/payload.ts'
import { type Endpoint, sendAcceptance } from '../trade/control.ts'

/** An agreement in the buyer's hands, with what is needed to act on it. */
export interface Deal {
  readonly agreement: Agreement
  readonly secret: string
  readonly challenge: Challenge
  /** First invoices, unread. */
  readonly invoices: readonly string[]
  /** As it came over the wire, for the journal. */
  readonly json: string
}

/** How a buyer haggles: its strategy, and the prices that it never goes above, whatever the strategy says. */
export interface Haggling {
  readonly strategy: BuyerStrategy
  readonly limits: PriceLimits
}

/**
 * From a seller's first challenge to an agreement, in bounded rounds.
 * @param firstInvoices which amounts to ask invoices for, once the terms are known
 * @throws StreamError `price-too-high`, `unit-mismatch`, `rounds-exhausted`, `strategy-failed`, `network-mismatch`, `offer-expired`,
 *   `seller-failed` if the agreement is not what was accepted
 */
export async function negotiate(
  endpoint: Endpoint,
  first: Challenge,
  wallet: NodeIdentity,
  { strategy, limits }: Haggling,
  firstInvoices: (terms: Offer) => readonly Msat[],
): Promise<Deal> {
  let challenge = first
  const haggle = haggler(strategy, limits)
  for (;;) {
    const offer = decodeOffer(challenge.request)
    checkOffer(offer, challenge, wallet)
    const answer = haggle(offer)
    if ('refuse' in answer) throw refusal(answer, offer)
    const wanted = 'bid' in answer ? { ...offer, ...answer.bid } : offer
    const result = await sendAcceptance(endpoint, challenge, {
      action: 'accept',
      nonce: randomHex(16),
      invoices: firstInvoices(wanted),
      ...('bid' in answer && { bid: toBid(answer.bid) }),
    })
    if ('agreement' in result) return checkDeal(wanted, challenge, result.agreement)
    if (!('bid' in answer) || result.error.code !== 'terms-refused' || !result.challenge) throw result.error
    challenge = result.challenge
  }
}

function checkOffer(offer: Offer, challenge: Challenge, wallet: NodeIdentity): void {
  if (isExpired(challenge, Date.now())) throw new StreamError('offer-expired', "the seller's offer has expired already")
  if (offer.network !== wallet.network) {
    throw new StreamError('network-mismatch', `the seller is on ${offer.network}, the wallet on ${wallet.network}`)
  }
  // A service's wallets share a node, and pay each other within it.
  if (offer.payee === wallet.publicKey && wallet.account === undefined) {
    throw new StreamError(
      'no-route',
      'the seller is paid at the very node that would pay: a node cannot pay itself here',
    )
  }
}

function checkDeal(wanted: Terms | Offer, challenge: Challenge, json: unknown): Deal {
  const { agreement, secret, invoices } = decodeAgreement(json)
  const different = differingTerms(wanted, agreement)
  if (different.length > 0) {
    throw new StreamError('seller-failed', `the agreement is not what was accepted: ${different.join(', ')} differ`)
  }
  return { agreement, secret, challenge, invoices, json: JSON.stringify(json) }
}

function refusal(answer: Extract<Move, { refuse: string }>, { price, tariff }: Offer): StreamError {
  if (answer.refuse === 'strategy-failed') {
    return new StreamError('strategy-failed', answer.cause.message, {}, answer.cause)
  }
  const code = answer.refuse
  if (!tariff) return new StreamError(code, `the seller asks ${formatPrice(price)}`, { price: formatPrice(price) })
  const units = [...new Set(chargesOf(tariff).map(([, charge]) => charge.unit))].join(', ')
  const each = code === 'unit-mismatch' ? `: a limit is needed for each unit of it (${units})` : ''
  return new StreamError(code, `the seller asks ${formatTariff(tariff)}${each}`, { price: formatTariff(tariff) })
}

export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
}
