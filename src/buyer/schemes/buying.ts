import { StreamError } from '../../errors/error.ts'
import type { NodeIdentity } from '../../lightning/node.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import type { Challenge } from '../../wire/challenge.ts'
import type { SchemeName } from '../../wire/challenges.ts'
import { decodeSessionRequest, TOP_UP_FOR } from '../../wire/mpp/session.ts'
import type { Wallet } from '../payments/payer.ts'
import { offeredBy } from './choosing.ts'
import { tellDeposit } from './deposits.ts'
import type { Held } from './held.ts'
import { type JustPaid, type Prepaying, prepay } from './paying.ts'
import { checkPrepayment, type PrepaidLimits, readPrepayment } from './prepayment.ts'
import type { SessionPlace } from './session.ts'
import { newToken, rowOf, type Token } from './token.ts'

/**
 * Pays for a token, which is in the journal, with its payment, before that is sent.
 * @param more `agreementId` under which the payment counts: of a further deposit the session's; its own by default
 * @throws StreamError as `prepay`, and `paid-refused` for an invoice that was paid before
 */
export async function payFor(
  wallet: Wallet,
  token: Token,
  more: Partial<Pick<Prepaying, 'agreementId' | 'meanwhile'>> = {},
): Promise<JustPaid> {
  const { journal } = wallet
  const { id, paymentHash, invoice, amount, url } = token
  const { origin } = new URL(url)
  const payment = { agreementId: id, origin, paymentHash, request: invoice, amount, bought: rowOf(token), ...more }
  const paid = await prepay(wallet, payment).catch(async (error) => {
    // A payment that may yet settle buys what stands here: the next request finds it, in this run or a later one.
    const isOpen = ['pending', 'unknown', 'settled'].includes((await journal.getPayment(paymentHash))?.status ?? '')
    await (isOpen ? journal.releaseAgreement(id) : journal.closeAgreement(id, undefined))
    throw error
  })
  if (paid !== 'known') return paid
  await journal.closeAgreement(id, undefined)
  throw new StreamError('paid-refused', 'the seller offers an invoice that was paid before', { paymentHash })
}

interface DepositParts extends PrepaidLimits {
  readonly wallet: Wallet
  readonly info: NodeIdentity
  readonly schemes: readonly SchemeName[]
}

/**
 * A further deposit, by a challenge of its own, at no higher price (draft-lightning-session, "TopUp Action"). Zero where it is being paid already.
 * @param request as the session is used with: what asks for another deposit looks the same
 * @throws StreamError `seller-failed` where none is offered, `seller-changed`, and as `checkPrepayment`, `payFor` and `tellDeposit`
 */
export async function payDeposit(
  { wallet, info, schemes, ...limits }: DepositParts,
  held: Held,
  request: RequestInit,
  place: SessionPlace,
): Promise<Msat> {
  const { url, method, paymentHash: sessionId } = held.token
  const headers = new Headers(request.headers)
  headers.set(TOP_UP_FOR, sessionId)
  const refused = await place.send(url, { ...request, headers })
  await refused.body?.cancel().catch(() => {})
  const options = refused.status === 402 ? offeredBy(refused, schemes, request) : []
  const option = options.find((one) => one.scheme === 'session')
  if (!option) throw new StreamError('seller-failed', 'the seller offers no further deposit for its session')
  const { amount: each } = decodeSessionRequest((held.token.challenge as Challenge).request)
  if (option.request.amount > each) {
    throw new StreamError('seller-changed', 'the seller asks more for a unit than when the session was opened')
  }
  const prepayment = readPrepayment(option)
  checkPrepayment(prepayment, info, limits, Date.now())
  const token = newToken(prepayment, { url, method }, { sessionId })
  // Some sellers offer the same invoice until it is paid.
  if (held.paying.has(token.paymentHash)) return ZERO
  held.paying.add(token.paymentHash)
  const agreementId = held.token.id
  const paid = await payFor(wallet, token, { agreementId }).finally(() => held.paying.delete(token.paymentHash))
  held.fees = msat(held.fees + paid.fee)
  held.paid = msat(held.paid + token.amount)
  held.payments++
  await paid.written
  await tellDeposit(place, token, paid.preimage).catch(async (error) => {
    // It is told again before the session is closed, or by a later run.
    await wallet.journal.releaseAgreement(token.id)
    throw error
  })
  return token.amount
}
