import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { toStreamError } from '../../errors/error.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import { type DecodedInvoice, decodeInvoice } from '../../wire/bolt11.ts'
import { isPreimageOf } from '../../wire/preimage.ts'
import type { Network, OutgoingKeysend, OutgoingPayment, PaymentOutcome } from '../node.ts'
import { type Asked, ask, find } from './ask.ts'
import { brief, failureOf, NoAnswer, reasonIn, WalletRefusal, walletError } from './errors.ts'
import { paidSchema, type Transaction } from './messages.ts'
import type { WalletStore } from './store.ts'

/** How long after a payment's time is up its outcome may still be asked for. */
const GRACE_MS = 2_000
/** A wallet that is not back yet never sees what is asked: soon asked again, it does. */
const LOOKUP_MS = 4_000
const AGAIN_MS = { first: 250, last: 2_000 }
/** After a request was due: a wallet whose clock is off may take it so much later, and then some. */
const LATE_MS = 120_000
/** Payees whose fees are remembered. */
const MAX_FEES = 1_000
/** Set once the wallet has told of a payment that it sent: only then does "not found" mean that there is none. */
const TELLS = 'tells-of-outgoing'

type Failed = Extract<PaymentOutcome, { readonly status: 'failed' }>
const failed = (reason: Failed['reason'], detail: string): Failed => ({ status: 'failed', reason, detail })

/** What is to be sent, whichever way. */
interface Sending {
  readonly paymentHash: string
  readonly payee: string
  readonly method: 'pay_invoice' | 'pay_keysend'
  readonly params: object
  readonly maxFee: Msat
  readonly timeoutMs: number
}

/**
 * Pays through a wallet. The record of what it was asked comes first, so that nothing is asked twice, whichever process asks; an answer that did
 * not come is looked up, and what then stays open is `unknown`, which counts as spent.
 *
 * NIP-47 has no limit on what routing may cost. What it did cost is told with the outcome, above the cap or not; a payee that was dearer than
 * allowed is paid no more unless the cap is at least as high as that.
 */
export class Payments {
  readonly #link: Asked
  readonly #store: WalletStore
  readonly #network: Network
  /** Payments on their way in this process: whoever asks again is told of the same one. */
  readonly #underWay = new Map<string, Promise<PaymentOutcome>>()
  /** What a payee cost, where that was more than allowed. */
  readonly #dear = new Map<string, Msat>()

  constructor(link: Asked, store: WalletStore, network: Network) {
    this.#link = link
    this.#store = store
    this.#network = network
  }

  async pay({ request, amount, maxFee, timeoutMs }: OutgoingPayment): Promise<PaymentOutcome> {
    const invoice = payable(request, this.#network, amount, Date.now())
    if ('status' in invoice) return invoice
    const { paymentHash, payee } = invoice
    const chosen = amount === undefined ? {} : { amount: Number(amount) }
    const params = { invoice: invoice.request, ...chosen }
    return this.#once({ paymentHash, payee, method: 'pay_invoice', params, maxFee, timeoutMs })
  }

  async keysend({ publicKey, amount, maxFee, timeoutMs, preimage }: OutgoingKeysend): Promise<PaymentOutcome> {
    const paymentHash = bytesToHex(sha256(hexToBytes(preimage)))
    const params = { amount: Number(amount), pubkey: publicKey, preimage }
    return this.#once({ paymentHash, payee: publicKey, method: 'pay_keysend', params, maxFee, timeoutMs })
  }

  /** @throws StreamError `node-…` */
  async lookup(paymentHash: string): Promise<PaymentOutcome | undefined> {
    const known = this.#store.payment(paymentHash)
    if (known?.state === 'settled') return { status: 'settled', preimage: known.preimage, fee: known.fee }
    const outcome = await this.#find(paymentHash).catch((error) => {
      throw walletError(error, 'looking up a payment')
    })
    if (outcome) return outcome
    if (known?.state === 'failed') return failed('payment-failed', 'the wallet said so')
    if (!known) return undefined
    return this.#missing(known.untilMs)
  }

  #once(sending: Sending): Promise<PaymentOutcome> {
    const { paymentHash } = sending
    const earlier = this.#underWay.get(paymentHash)
    if (earlier) return earlier
    const payment = this.#send(sending).finally(() => this.#underWay.delete(paymentHash))
    this.#underWay.set(paymentHash, payment)
    return payment
  }

  async #send(sending: Sending): Promise<PaymentOutcome> {
    const { paymentHash, payee, timeoutMs, maxFee } = sending
    const untilMs = performance.now() + timeoutMs + GRACE_MS
    const known = this.#store.payment(paymentHash)
    if (known && known.state !== 'failed') return this.#follow(paymentHash, untilMs)
    const dear = this.#dear.get(payee)
    if (dear !== undefined && maxFee < dear) {
      return failed(
        'fee-too-high',
        `this wallet took ${dear} msat for routing to this payee before, the cap is ${maxFee} msat`,
      )
    }
    if (known) {
      // It failed once: whether it does not succeed after all is the wallet's word.
      const found = await this.#find(paymentHash).catch((error) => {
        throw walletError(error, 'looking up a payment')
      })
      if (found && found.status !== 'failed') return found
    }
    if (!this.#store.noteSent(paymentHash, Date.now() + timeoutMs + LATE_MS)) return this.#follow(paymentHash, untilMs)
    try {
      const { method, params } = sending
      const answer = await ask(this.#link, paidSchema, method, params, { timeoutMs, validMs: timeoutMs })
      if (!isPreimageOf(answer.preimage, paymentHash)) return await this.#follow(paymentHash, untilMs)
      return this.#settled(sending, answer.preimage, answer.fees_paid ?? (await this.#feeOf(paymentHash)) ?? maxFee)
    } catch (error) {
      return this.#afterError(sending, untilMs, error)
    }
  }

  async #afterError(sending: Sending, untilMs: number, error: unknown): Promise<PaymentOutcome> {
    const { paymentHash } = sending
    if (error instanceof NoAnswer && !error.sent) {
      this.#store.noteFailed(paymentHash)
      throw walletError(error, 'paying')
    }
    if (!(error instanceof WalletRefusal)) return this.#follow(paymentHash, untilMs)
    const known = walletError(error, 'paying')
    if (known.code !== 'node-failed') {
      // Refused at the door.
      this.#store.noteFailed(paymentHash)
      throw known
    }
    const detail = brief(error.message) || brief(error.code)
    const reason = failureOf(error)
    if (reason) return this.#failed(paymentHash, failed(reason, words(error, detail)))
    // A payment that failed in the wallet's eyes may have an HTLC on its way yet: its record says so.
    const found = await this.#find(paymentHash, LOOKUP_MS).catch(() => undefined)
    if (found && found.status !== 'failed')
      return found.status === 'settled' ? found : this.#follow(paymentHash, untilMs)
    if (error.code === 'PAYMENT_FAILED' || found) return this.#failed(paymentHash, failed(reasonIn(detail), detail))
    // Some other trouble: only a wallet that tells of what it sent says by its silence that this was not.
    if (this.#store.fact(TELLS)) return this.#failed(paymentHash, failed(reasonIn(detail), detail))
    return { status: 'unknown', detail }
  }

  /** Looks a payment up until its end is known, or the time is up. */
  async #follow(paymentHash: string, untilMs: number): Promise<PaymentOutcome> {
    let last: PaymentOutcome = { status: 'unknown', detail: 'the wallet did not say what became of the payment' }
    for (let pauseMs = AGAIN_MS.first; ; pauseMs = Math.min(pauseMs * 2, AGAIN_MS.last)) {
      try {
        const timeoutMs = Math.max(1, Math.min(LOOKUP_MS, untilMs - performance.now()))
        const found = await this.#find(paymentHash, timeoutMs)
        if (found?.status === 'settled' || found?.status === 'failed') return found
        if (found) last = found
      } catch (error) {
        last = { status: 'unknown', detail: walletError(error, 'looking up a payment').message }
      }
      if (performance.now() + pauseMs > untilMs) return last
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** The wallet's own record of an outgoing payment, written down where it is final. @throws WalletRefusal, NoAnswer, StreamError */
  async #find(paymentHash: string, timeoutMs?: number): Promise<PaymentOutcome | undefined> {
    const known = this.#store.payment(paymentHash)
    if (known?.state === 'settled') return { status: 'settled', preimage: known.preimage, fee: known.fee }
    const found = await find(this.#link, paymentHash, timeoutMs)
    if (!found || found.type === 'incoming') return undefined
    if (!this.#store.fact(TELLS)) this.#store.setFact(TELLS, 'yes')
    const outcome = outcomeOf(found)
    if (outcome.status === 'settled') this.#store.noteSettled(paymentHash, outcome.preimage, outcome.fee)
    if (outcome.status === 'failed') this.#store.noteFailed(paymentHash)
    return outcome
  }

  /** The wallet has nothing under the hash of a payment that it was asked for. */
  #missing(untilMs: number): PaymentOutcome | undefined {
    if (Date.now() <= untilMs) return { status: 'pending' }
    if (this.#store.fact(TELLS)) return undefined
    return { status: 'unknown', detail: 'the wallet has not shown that it tells of what it sent' }
  }

  async #feeOf(paymentHash: string): Promise<Msat | undefined> {
    const found = await find(this.#link, paymentHash, LOOKUP_MS).catch(() => undefined)
    return found?.fees_paid ?? undefined
  }

  #settled({ paymentHash, payee, maxFee }: Sending, preimage: string, fee: Msat): PaymentOutcome {
    this.#store.noteSettled(paymentHash, preimage, fee)
    if (fee > maxFee && fee > (this.#dear.get(payee) ?? ZERO)) {
      if (this.#dear.size >= MAX_FEES) this.#dear.clear()
      this.#dear.set(payee, fee)
    }
    // Learnt once, and not waited for.
    if (!this.#store.fact(TELLS)) void this.#learn(paymentHash)
    return { status: 'settled', preimage, fee }
  }

  async #learn(paymentHash: string): Promise<void> {
    try {
      const found = await find(this.#link, paymentHash, LOOKUP_MS)
      if (found?.type === 'outgoing') this.#store.setFact(TELLS, 'yes')
    } catch {
      // The next payment is another occasion.
    }
  }

  #failed(paymentHash: string, outcome: Failed): Failed {
    this.#store.noteFailed(paymentHash)
    return outcome
  }
}

/** An invoice that this wallet may be asked to pay, or why it must not. */
export function payable(
  request: string,
  network: Network,
  chosen: Msat | undefined,
  nowMs: number,
): DecodedInvoice | Failed {
  let invoice: DecodedInvoice
  try {
    invoice = decodeInvoice(request)
  } catch (error) {
    return failed('invoice-invalid', toStreamError(error).message)
  }
  const { amount = 0n } = invoice
  if (invoice.network !== network) {
    return failed('invoice-invalid', `the invoice is on ${invoice.network}, the wallet on ${network}`)
  }
  if (invoice.expiresAtMs <= nowMs) return failed('invoice-invalid', 'the invoice has expired')
  if (amount > 0n && chosen !== undefined) return failed('invoice-invalid', 'the invoice has an amount of its own')
  if (amount === 0n && !chosen) return failed('invoice-invalid', 'the invoice has no amount')
  return invoice
}

/** A payment as the wallet has it. Settled is what has a preimage that opens its hash: without it nothing could be shown later. */
export function outcomeOf({ state, settled_at, payment_hash, preimage, fees_paid }: Transaction): PaymentOutcome {
  if (state === 'failed' || state === 'expired') return failed('payment-failed', 'the wallet says that it failed')
  if (preimage && isPreimageOf(preimage, payment_hash)) return { status: 'settled', preimage, fee: fees_paid ?? ZERO }
  if (state === 'settled' || (settled_at ?? 0) > 0) {
    return { status: 'unknown', detail: 'the wallet says that it settled, and shows no preimage' }
  }
  return { status: 'pending' }
}

const words = ({ code }: WalletRefusal, detail: string): string =>
  code === 'QUOTA_EXCEEDED' ? `what the wallet allows this connection to spend is used up (${detail})` : detail
