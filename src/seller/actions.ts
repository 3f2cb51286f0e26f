import { StreamError } from '../errors/error.ts'
import { MAX_RETURNS } from '../ledger/ledger.ts'
import { formatMsat, type Msat, sat } from '../money/msat.ts'
import { applyPolicy, type BidContext } from '../terms/answer.ts'
import type { SellerPolicy } from '../terms/policy.ts'
import type { Agreement, Offer, Terms } from '../terms/terms.ts'
import { encodeAgreement } from '../wire/agreement.ts'
import { type DecodedInvoice, decodeInvoice } from '../wire/bolt11.ts'
import { isExpired } from '../wire/challenge.ts'
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
import { encodeStatement, type Statement, signingText } from '../wire/statement.ts'
import type { Account } from './account.ts'
import { retryAfter } from './limits.ts'
import { FORGOTTEN_AFTER_MS, type Seller, SMALLEST_RETURN } from './seller.ts'

/** Unsettled invoices that one agreement may have at the node, before its first payment and after. */
const MAX_OPEN_INVOICES = { unpaid: 16, paid: 64 }
/** The largest payment one invoice asks for. */
const MAX_PAYMENT = sat(1_000_000)
/** By how much the end of an offer is rounded. */
const WHOLE_SECOND_MS = 1000
const AGREEMENT_LIFE_MS = 24 * 3_600_000
/** A settlement may reach the buyer before the seller's node tells of it; a closing statement waits this long for it. */
const LATE_SETTLEMENT_MS = 10_000
/** The longest that a return invoice may still live. */
const LONGEST_RETURN_MS = 7 * 24 * 3_600_000
/** Places for unpaid agreements are freed by their age, but mostly by a payment, which may come at any time. */
const LONGEST_RETRY_MS = 60_000

const json = (body: unknown): Response =>
  new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })

/** Another round: the offer that answers a bid. */
export class CounterOffer {
  readonly offer: Offer
  constructor(offer: Offer) {
    this.offer = offer
  }
}

/** How bids are answered: by a policy, within bounds. */
export interface Answering extends Pick<BidContext, 'floor' | 'rounds' | 'streams'> {
  readonly policy: SellerPolicy
  /** How long an offer stands. In ms. */
  readonly offerLifeMs: number
}

/**
 * `accept`: verifies the challenge, settles the terms, and opens the agreement with its first invoices.
 * A counter-offer is returned, not thrown: it is an expected outcome.
 */
export async function accept(
  seller: Seller,
  listed: Offer,
  answering: Answering,
  { challenge, payload }: Credential & { payload: AcceptPayload },
  address: string | undefined,
): Promise<Response | CounterOffer> {
  const key = seller.keys.signerOf(challenge)
  // Whoever learnt a secret that was replaced dates a challenge as it likes: it is good for no longer than the last that was made here with it.
  if (!key || Date.now() >= (key.replacedAtMs ?? Infinity) + answering.offerLifeMs + WHOLE_SECOND_MS) {
    throw new StreamError('challenge-invalid', 'this challenge was not made here, or was altered')
  }
  if (isExpired(challenge, Date.now()))
    throw new StreamError('offer-expired', `the offer expired at ${challenge.expires}`)
  const offered = decodeOffer(challenge.request)
  if (challenge.realm !== seller.realm || offered.scope !== listed.scope) {
    throw new StreamError('agreement-elsewhere', 'this challenge is for another resource')
  }
  const terms = payload.bid ? haggle(answering, offered, listed, bidTerms(payload.bid, offered)) : offered
  if (terms instanceof CounterOffer) return terms

  // An agreement belongs to the secret that its offer was made with, so that a repeated acceptance finds it.
  const id = key.idFor(challenge.id, payload.nonce)
  const as = { id, secret: key.secretFor(id) }
  return seller.accounts.inTurn(id, () => open(seller, as, terms, offered, payload, address))
}

/** Opens the agreement of an acceptance, or finds the one that it opened before. */
async function open(
  seller: Seller,
  { id, secret }: { readonly id: string; readonly secret: string },
  terms: Terms,
  offered: Offer,
  payload: AcceptPayload,
  address: string | undefined,
): Promise<Response> {
  const known = await seller.accounts.get(id)
  if (!known && (await seller.ledger.countOpen()).unpaid + seller.accounts.opening >= seller.maxUnpaidAgreements) {
    const waitMs = ((await seller.ledger.oldestUnpaidMs()) ?? 0) + FORGOTTEN_AFTER_MS - Date.now()
    const message = 'too many agreements wait for their first payment'
    throw new StreamError('too-many-agreements', message, retryAfter(Math.min(waitMs, LONGEST_RETRY_MS)))
  }
  const agreement: Agreement = known?.agreement ?? {
    id,
    price: terms.price,
    ...(offered.tariff && { tariff: offered.tariff }),
    credit: terms.credit,
    smallestPayment: terms.smallestPayment,
    network: offered.network,
    payee: offered.payee,
    ...(offered.unsigned && { unsigned: true }),
    scope: offered.scope,
    expiresAtMs: Date.now() + AGREEMENT_LIFE_MS,
  }
  const { requests, account } = await seller.accounts.whileOpening(async () => {
    const amounts = await checkAmounts(seller, agreement, payload.invoices)
    const paid = known?.gate.paid ? () => {} : seller.limits.stranger(address, Math.max(1, amounts.length))
    const { requests, records } = await seller.mint(id, amounts)
    const account = await seller.accounts.open(agreement, records)
    account.whenPaid(paid)
    return { requests, account }
  })
  if (!known) seller.emit({ type: 'opened', account, ...(address !== undefined && { client: address }) })
  return json(encodeAgreement(account.agreement, secret, requests))
}

function haggle({ policy, ...bounds }: Answering, offer: Offer, listed: Offer, bid: Terms): Terms | CounterOffer {
  const answer = applyPolicy(policy, bid, { listed, offer, ...bounds })
  if ('accept' in answer) return answer.accept
  if ('counter' in answer) return new CounterOffer(answer.counter)
  throw new StreamError(answer.refuse, answer.reason, {}, answer.cause)
}

/** `invoices`: mints more, ahead of need. Repeating an order yields the same invoices. */
export async function invoices(
  seller: Seller,
  account: Account,
  { amounts, nonce }: InvoicesPayload,
  address: string | undefined,
): Promise<Response> {
  const make = () => mintMore(seller, account, amounts, address)
  return json({ invoices: await (nonce ? account.orders.once(`${nonce} ${amounts.join()}`, make) : make()) })
}

function mintMore(
  seller: Seller,
  account: Account,
  amounts: readonly Msat[],
  address: string | undefined,
): Promise<readonly string[]> {
  const { id } = account.agreement
  return seller.accounts.inTurn(id, async () => {
    const checked = await checkAmounts(seller, account.agreement, amounts)
    if (account.gate.paid === 0n) account.whenPaid(seller.limits.stranger(address, checked.length))
    const { requests, records } = await seller.mint(id, checked)
    // Written before the buyer sees them, so that no payment can arrive for nothing.
    await seller.ledger.addInvoices(id, records)
    return requests
  })
}

/** To be called in the agreement's turn: what is minted elsewhere meanwhile would not be counted. */
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
    const nowMs = Date.now()
    const firstMs = (await seller.ledger.nextInvoiceExpiryMs(agreement.id, nowMs)) ?? nowMs
    const message = `more than ${most} invoices of this agreement would be open`
    throw new StreamError('too-many-invoices', message, retryAfter(firstMs - nowMs))
  }
  return amounts
}

/** `close`: no further delivery, and the final statement, signed by the node unless it was agreed that it would not be. Repeating it yields the same statement. */
export async function close(
  seller: Seller,
  account: Account,
  { paid }: ClosePayload,
  address: string | undefined,
): Promise<Response> {
  const { id } = account.agreement
  const earlier = account.closed ? await seller.ledger.closingStatement(id) : undefined
  if (earlier) return json(JSON.parse(earlier))
  if (!account.closing) {
    if (account.gate.paid === 0n) seller.limits.stranger(address, 1)
    account.closing = signClosing(seller, account, paid).finally(() => {
      account.closing = undefined
    })
  }
  return json(JSON.parse(await account.closing))
}

async function signClosing(seller: Seller, account: Account, paid: Msat | undefined): Promise<string> {
  account.shutDown()
  // What the buyer names is not believed: it only says how long to listen for the node's own word.
  if (paid !== undefined) await account.paidReaches(paid, LATE_SETTLEMENT_MS)
  const { node } = await seller.ready()
  const { agreement } = account
  const statement = account.statement()
  // A wallet that was to sign and cannot any more closes nothing: an agreement is not made less than it said.
  const closing: Statement = agreement.unsigned
    ? { ...statement, unsigned: true }
    : { ...statement, signature: await node.signMessage(signingText(statement)) }
  const kept = await seller.ledger.close(agreement.id, statement.steps, jcs(encodeStatement(closing)))
  seller.emit({ type: 'closed', account })
  return kept
}

/**
 * `return`: pays the balance back to the buyer's invoice. Booked before it is sent, and never twice: asking again with the same
 * invoice tells how its claim stands.
 */
export async function returnBalance(seller: Seller, account: Account, { invoice }: ReturnPayload): Promise<Response> {
  const { id } = account.agreement
  // By the ledger: a close that could not be signed would be forgotten with the process, and the gate would open for money that went back.
  if ((await seller.ledger.closingStatement(id)) === undefined) {
    throw new StreamError('return-invalid', 'close the agreement before asking for its balance')
  }
  const { paymentHash, ...decoded } = decodeInvoice(invoice)
  const returns = await seller.returns()
  const known = await seller.ledger.getReturn(paymentHash)
  if (!known) {
    const { amount, expiresAtMs } = checkReturn(account, decoded)
    seller.limits.asksForReturn(account)
    const claim = { agreementId: id, paymentHash, request: invoice, amount, expiresAtMs }
    if (await seller.ledger.addReturn(claim)) {
      account.bookReturn(amount)
      returns.follow(claim)
    }
  }
  const elsewhere = known !== undefined && known.agreementId !== id
  const claim = elsewhere ? known : await returns.outcome(paymentHash)
  if (claim?.agreementId !== id) {
    const message = `this invoice was shown for another agreement, the balance was claimed just now, or ${MAX_RETURNS} times already`
    throw new StreamError('return-invalid', message, { balance: `${account.balance}` })
  }
  const { status, failure } = claim
  const reason = status === 'settled' || failure === undefined ? {} : { reason: failure }
  return json({ status, ...reason, statement: encodeStatement(account.statement()) })
}

function checkReturn(
  account: Account,
  { amount, network, expiresAtMs }: Omit<DecodedInvoice, 'paymentHash'>,
): { readonly amount: Msat; readonly expiresAtMs: number } {
  const { agreement, balance } = account
  if (amount === undefined || amount === 0n || network !== agreement.network || expiresAtMs <= Date.now()) {
    const message = `a return invoice names an amount, is on ${agreement.network} and has not expired`
    throw new StreamError('return-invalid', message)
  }
  // Each claim is tried until its invoice has expired: dust, and invoices for ever, would have a sat buy endless work.
  if (amount < SMALLEST_RETURN || expiresAtMs > Date.now() + LONGEST_RETURN_MS) {
    const message = `a return invoice is for at least ${formatMsat(SMALLEST_RETURN)}, and expires within a week`
    throw new StreamError('return-invalid', message, { smallestReturn: `${SMALLEST_RETURN}` })
  }
  if (amount > balance) {
    throw new StreamError('return-invalid', 'the amount is above the balance', {
      amount: `${amount}`,
      balance: `${balance}`,
    })
  }
  return { amount, expiresAtMs }
}
