import { BY_HAND, payByHand } from '../buyer/payments/byHand.ts'
import { finalOutcome, payerOf } from '../buyer/payments/outcome.ts'
import { StreamError, toStreamError } from '../errors/error.ts'
import type { Journal, JournalPayment } from '../ledger/journal.ts'
import { pause } from '../lightning/pause.ts'
import { type PayLimits, type PreparedPayment, prepareInvoice } from '../lightning/verbs/prepare.ts'
import { readInvoice } from '../lightning/verbs/verbs.ts'
import { formatMsat, type Msat, min, minus, parseMsat, ZERO } from '../money/msat.ts'
import type { InvoiceDetails } from '../wire/invoiceDetails.ts'
import type { Caller } from './caller.ts'
import type { LocalApiParts } from './parts.ts'

/** Payments that are being made at once, in all and for one caller: each waits for the node. */
export const MAX_SENDING = 64
export const MAX_SENDING_OF_ONE = 16
const TIMEOUT_MS = 60_000

/** What a payment by hand is to be, and what it may cost. */
export interface Wish {
  readonly invoice: string
  readonly amount?: string | undefined
  /** The most to spend in all, routing included. */
  readonly max?: string | undefined
  readonly maxFee?: string | undefined
}

/** How a payment stands, as it is told. */
export interface PaymentState {
  readonly paymentHash: string
  readonly status: JournalPayment['status']
  readonly amount: Msat
  readonly fee?: Msat
  readonly preimage?: string
  readonly error?: Trouble
}

/** A failure within an answer that is none. */
export type Trouble = ReturnType<typeof troubleOf>
export const troubleOf = ({ code, message, hint, retryable }: StreamError) => ({
  code,
  detail: message,
  hint,
  retryable,
})

type Sending = { readonly caller: string; readonly done: Promise<PaymentState> }

/**
 * Payments by hand of a process that stays. As `payByHand`: written before it is sent, within the limits, and never twice for one invoice. Who
 * asks again while it is being paid waits for the same outcome, and who asks again afterwards is told it. That a client leaves stops no payment.
 */
export class HandPayments {
  readonly #parts: LocalApiParts
  readonly #sending = new Map<string, Sending>()
  /** Those that this process made and gave up waiting for: they are its own to judge, though it lives. */
  readonly #left = new Set<string>()
  #closed = false

  constructor(parts: LocalApiParts) {
    this.#parts = parts
  }

  /**
   * Pays, unless that was done before, and says how it stands.
   * @param journal as the caller has it
   * @throws StreamError, with nothing sent: `invoice-invalid`, `network-mismatch`, `option-invalid`, `amount-…`, `budget-exhausted`, `rate-limited`, `node-…`
   */
  async pay(wish: Wish, caller: Caller, journal: Journal): Promise<PaymentState> {
    const invoice = readInvoice(wish.invoice)
    const { paymentHash } = invoice
    const running = this.#sending.get(paymentHash)
    if (running && (caller.isOwner || running.caller === caller.name)) return running.done
    if (running) throw taken(paymentHash)
    if (this.#closed) throw new StreamError('interrupted', 'this process is ending')
    this.#checkRoom(caller)
    // Entered before anything is waited for: whoever asks next joins this one.
    const done = this.#pay(invoice, wish, caller, journal).finally(() => this.#sending.delete(paymentHash))
    this.#sending.set(paymentHash, { caller: caller.name, done })
    return done
  }

  /** How a payment of the caller's stands; `undefined` if it has none of that hash. Asks the node where the journal does not know. */
  async find(paymentHash: string, journal: Journal): Promise<PaymentState | undefined> {
    const entry = await journal.getPayment(paymentHash)
    if (!entry || this.#sending.has(paymentHash)) return entry && stateOf(entry)
    return this.#judged(entry, journal)
  }

  /** Begins no more, and waits for those that are being made, up to so long. */
  async close(withinMs: number): Promise<void> {
    this.#closed = true
    const waiting = new AbortController()
    const all = Promise.allSettled([...this.#sending.values()].map(({ done }) => done))
    await Promise.race([all, pause(withinMs, waiting.signal)])
    waiting.abort()
  }

  #checkRoom(caller: Caller): void {
    const own = [...this.#sending.values()].filter(({ caller: name }) => name === caller.name).length
    if (this.#sending.size < MAX_SENDING && own < MAX_SENDING_OF_ONE) return
    throw new StreamError('rate-limited', `${own} payments are being made already`, { retryAfter: '1' })
  }

  async #pay(invoice: InvoiceDetails, wish: Wish, caller: Caller, journal: Journal): Promise<PaymentState> {
    const { paymentHash } = invoice
    const { node, events } = this.#parts
    const entry = await journal.getPayment(paymentHash)
    const earlier = entry && (await this.#judged(entry, journal))
    if (earlier && earlier.status !== 'failed') return earlier
    if (!entry) await this.#refuseTaken(paymentHash, caller)
    if (this.#parts.dryRun)
      throw new StreamError('budget-exhausted', 'this process pays nothing: it runs with --dry-run')
    const payment = within(prepareInvoice(invoice, await node.info(), limitsOf(wish), Date.now()), wish.max)
    const { amount, payee, maxFee } = payment
    const told = { caller: caller.name, paymentHash, amount, payee }
    let sent = false
    let state: PaymentState
    try {
      const { fee, preimage } = await payByHand(payment, {
        node,
        journal,
        timeoutMs: this.#parts.paymentTimeoutMs ?? TIMEOUT_MS,
        confirm: async () => {},
        onSending: () => {
          sent = true
          events.tell({ event: 'paying', ...told, maxFee })
        },
        onNear: (use) => events.tell({ event: 'warning', caller: caller.name, ...use }),
      })
      state = { paymentHash, status: 'settled', amount, fee, preimage }
    } catch (error) {
      state = await this.#failed(toStreamError(error), paymentHash, journal, sent)
    }
    const { status, fee } = state
    events.tell({ event: 'payment', ...told, status, ...(fee !== undefined && { fee }) })
    return state
  }

  /** What was written is told as it stands; what was not is thrown on, and nothing was paid. */
  async #failed(error: StreamError, paymentHash: string, journal: Journal, sent: boolean): Promise<PaymentState> {
    const entry = await journal.getPayment(paymentHash)
    if (!entry) throw error
    if (error.code === 'payment-unknown') {
      if (sent) this.#left.add(paymentHash)
      return { ...stateOf(entry), error: troubleOf(error) }
    }
    // A node that could not be asked did not pay.
    if (!sent || error.code.startsWith('node-') || entry.status !== 'failed') throw error
    return { ...stateOf(entry), error: troubleOf(error) }
  }

  /**
   * A caller is told nothing of what others have paid: not that invoice's preimage, which proves to its payee who paid. The owner may have
   * anything.
   */
  async #refuseTaken(paymentHash: string, caller: Caller): Promise<void> {
    if (caller.isOwner) return
    const { journal, node } = this.#parts
    const [entry, known] = await Promise.all([journal.getPayment(paymentHash), node.lookupPayment(paymentHash)])
    const isFree = ({ status }: { readonly status: string }): boolean => status === 'failed'
    if ((entry && !isFree(entry)) || (known && !isFree(known))) throw taken(paymentHash)
  }

  /** The word of the journal, or where that is not the last one and nobody else is at it, that of the node. */
  async #judged(entry: JournalPayment, journal: Journal): Promise<PaymentState> {
    const { paymentHash, status, agreementId, payer } = entry
    // The payments of a purchase are its own to follow.
    if (status === 'settled' || status === 'failed' || agreementId !== BY_HAND) return stateOf(entry)
    const { node } = this.#parts
    if (payer !== payerOf(await node.info())) return stateOf(entry)
    const isLeft = this.#left.has(paymentHash)
    const isAbandoned = isLeft || (await journal.abandonedPayments()).some((one) => one.paymentHash === paymentHash)
    if (!isAbandoned) return stateOf(entry)
    const outcome = await finalOutcome(node, isLeft ? { paymentHash } : entry)
    if (!outcome) return stateOf(entry)
    const end =
      outcome.status === 'settled'
        ? ({ status: 'settled', fee: outcome.fee, preimage: outcome.preimage } as const)
        : ({ status: 'failed', fee: ZERO } as const)
    await journal.endPayment(paymentHash, end)
    this.#left.delete(paymentHash)
    return stateOf({ ...entry, ...end })
  }
}

function stateOf({ paymentHash, status, amount, fee, preimage }: JournalPayment): PaymentState {
  const settled = status === 'settled' ? { fee, ...(preimage !== undefined && { preimage }) } : {}
  return { paymentHash, status, amount, ...settled }
}

const limitsOf = ({ amount, maxFee }: Wish): PayLimits => ({
  ...(amount !== undefined && { amount }),
  ...(maxFee !== undefined && { maxFee }),
})

/** No more than `max` is spent on it in all: what is left of that beside the amount is the most for routing. */
function within(payment: PreparedPayment, text: string | undefined): PreparedPayment {
  if (text === undefined) return payment
  const max = parseMsat(text)
  const { amount } = payment
  if (amount > max) {
    const message = `the invoice asks for ${formatMsat(amount)}, and at most ${formatMsat(max)} may be spent on it`
    throw new StreamError('budget-exhausted', message, { max: `${max}`, amount: `${amount}` })
  }
  return { ...payment, maxFee: min(payment.maxFee, minus(max, amount)) }
}

const taken = (paymentHash: string): StreamError =>
  new StreamError('invoice-invalid', 'this invoice was paid, or is being paid, for another caller', { paymentHash })
