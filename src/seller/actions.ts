import { StreamError } from '../errors/error.ts'
import { type Msat, sat } from '../money/msat.ts'
import { applyPolicy } from '../terms/answer.ts'
import type { SellerPolicy } from '../terms/policy.ts'
import type { Agreement, Offer, Terms } from '../terms/terms.ts'
import { encodeAgreement } from '../wire/agreement.ts'
import { decodeInvoice } from '../wire/bolt11.ts'
import { isExpired, verifyChallenge } from '../wire/challenge.ts'
import type { Credential } from '../wire/credential.ts'
import { jcs } from '../wire/encoding.ts'
import { decodeOffer } from '../wire/offer.ts'
import {
  type AcceptPayload,
  bidTerms,
  type ClosePayload,
  type InvoicesPayload,
  type ReturnPayload,
} from '../wire/payload.ts'
import { encodeStatement, signingText } from '../wire/statement.ts'
import type { Account } from './account.ts'
import { payReturn } from './returns.ts'
import type { Seller } from './seller.ts'

/** Unsettled invoices that one agreement may have at the node, before its first payment and after. */
const MAX_OPEN_INVOICES = { unpaid: 16, paid: 64 }
/** The largest payment one invoice asks for. */
const MAX_PAYMENT = sat(1_000_000)
const AGREEMENT_LIFE_MS = 24 * 3_600_000
/** A settlement may reach the buyer before the seller's node tells of it; a closing statement waits this long for it. */
const LATE_SETTLEMENT_MS = 10_000

const json = (body: unknown): Response =>
  new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })

/** Another round: the offer that answers a bid. */
export class CounterOffer {
  readonly offer: Offer
  constructor(offer: Offer) {
    this.offer = offer
  }
}

/**
 * `accept`: verifies the challenge, settles the terms, and opens the agreement with its first invoices.
 * A counter-offer is returned, not thrown: it is an expected outcome.
 */
export async function accept(
  seller: Seller,
  listed: Offer,
  policy: SellerPolicy,
  { challenge, payload }: Credential & { payload: AcceptPayload },
): Promise<Response | CounterOffer> {
  if (!verifyChallenge(seller.secret, challenge)) {
    throw new StreamError('challenge-invalid', 'this challenge was not made here, or was altered')
  }
  if (isExpired(challenge, Date.now()))
    throw new StreamError('offer-expired', `the offer expired at ${challenge.expires}`)
  const offered = decodeOffer(challenge.request)
  if (challenge.realm !== seller.realm || offered.scope !== listed.scope) {
    throw new StreamError('agreement-elsewhere', 'this challenge is for another resource')
  }
  const terms = payload.bid ? haggle(policy, offered, listed, bidTerms(payload.bid, offered)) : offered
  if (terms instanceof CounterOffer) return terms

  const id = seller.accounts.idFor(challenge.id, payload.nonce)
  const known = await seller.accounts.get(id)
  if (!known && (await seller.ledger.countOpen()).unpaid + seller.accounts.opening >= seller.maxUnpaidAgreements) {
    throw new StreamError('too-many-agreements', 'too many agreements wait for their first payment')
  }
  const agreement: Agreement = known?.agreement ?? {
    id,
    price: terms.price,
    credit: terms.credit,
    smallestPayment: terms.smallestPayment,
    network: offered.network,
    payee: offered.payee,
    scope: offered.scope,
    expiresAtMs: Date.now() + AGREEMENT_LIFE_MS,
  }
  const { requests, account } = await seller.accounts.whileOpening(async () => {
    const amounts = await checkAmounts(seller, agreement, payload.invoices)
    const { requests, records } = await seller.mint(id, amounts)
    return { requests, account: await seller.accounts.open(agreement, records) }
  })
  if (!known) seller.emit({ type: 'opened', account })
  return json(encodeAgreement(account.agreement, seller.accounts.secretFor(id), requests))
}

function haggle(policy: SellerPolicy, offer: Offer, listed: Offer, bid: Terms): Terms | CounterOffer {
  const answer = applyPolicy(policy, bid, { listed, offer })
  if ('accept' in answer) return answer.accept
  if ('counter' in answer) return new CounterOffer(answer.counter)
  throw new StreamError(answer.refuse, answer.reason, {}, answer.cause)
}

/** `invoices`: mints more, ahead of need. */
export async function invoices(seller: Seller, account: Account, { amounts }: InvoicesPayload): Promise<Response> {
  const checked = await checkAmounts(seller, account.agreement, amounts)
  const { requests, records } = await seller.mint(account.agreement.id, checked)
  // Written before the buyer sees them, so that no payment can arrive for nothing.
  await seller.ledger.addInvoices(account.agreement.id, records)
  return json({ invoices: requests })
}

async function checkAmounts(seller: Seller, agreement: Agreement, amounts: readonly Msat[]): Promise<readonly Msat[]> {
  const wrong = amounts.find((amount) => amount < agreement.smallestPayment || amount > MAX_PAYMENT)
  if (wrong !== undefined) {
    throw new StreamError('terms-refused', 'an invoice is below the smallest payment or above the largest', {
      amount: `${wrong}`,
      smallestPayment: `${agreement.smallestPayment}`,
      largestPayment: `${MAX_PAYMENT}`,
    })
  }
  const hasPaid = (seller.accounts.inMemory.get(agreement.id)?.gate.paid ?? 0n) > 0n
  const most = hasPaid ? MAX_OPEN_INVOICES.paid : MAX_OPEN_INVOICES.unpaid
  if ((await seller.ledger.countOpenInvoices(agreement.id, Date.now())) + amounts.length > most) {
    throw new StreamError('too-many-invoices', `more than ${most} invoices of this agreement would be open`)
  }
  return amounts
}

/** `close`: no further delivery, and the final statement, signed by the node. Repeating it yields the same statement. */
export async function close(seller: Seller, account: Account, { paid }: ClosePayload): Promise<Response> {
  const { id } = account.agreement
  account.shutDown()
  const earlier = await seller.ledger.closingStatement(id)
  if (earlier) return json(JSON.parse(earlier))
  // What the buyer names is not believed: it only says how long to listen for the node's own word.
  if (paid !== undefined) await account.paidReaches(paid, LATE_SETTLEMENT_MS)
  const { node } = await seller.ready()
  const statement = account.statement()
  const signature = await node.signMessage(signingText(statement))
  const signed = jcs(encodeStatement({ ...statement, signature }))
  const kept = await seller.ledger.close(id, statement.steps, signed)
  seller.emit({ type: 'closed', account })
  return json(JSON.parse(kept))
}

/** `return`: pays the balance back to the buyer's invoice. Booked before it is sent, and never twice. */
export async function returnBalance(seller: Seller, account: Account, { invoice }: ReturnPayload): Promise<Response> {
  const { id, network } = account.agreement
  if (!account.closed) throw new StreamError('return-invalid', 'close the agreement before asking for its balance')
  const decoded = decodeInvoice(invoice)
  const amount = decoded.amount
  if (amount === undefined || amount === 0n || decoded.network !== network || decoded.expiresAtMs <= Date.now()) {
    throw new StreamError('return-invalid', `a return invoice names an amount, is on ${network} and has not expired`)
  }
  const booked = await seller.ledger.addReturn({
    agreementId: id,
    paymentHash: decoded.paymentHash,
    request: invoice,
    amount,
  })
  if (!booked) {
    throw new StreamError('return-invalid', 'the amount is above the balance, or this invoice was shown before', {
      amount: `${amount}`,
      balance: `${account.balance}`,
    })
  }
  account.bookReturn(amount)
  const { node } = await seller.ready()
  const status = await payReturn(node, seller.ledger, { request: invoice, paymentHash: decoded.paymentHash, amount })
  if (status === 'failed') account.bookReturn(-amount)
  if (status === 'settled') seller.emit({ type: 'returned', account })
  return json({ status, statement: encodeStatement(account.statement()) })
}
