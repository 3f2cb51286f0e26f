import { type StreamError, toStreamError } from '../../errors/error.ts'
import { NO_CREDIT } from '../../terms/credit.ts'
import type { Agreement, Offer } from '../../terms/terms.ts'
import type { Account } from '../account.ts'
import { FORGOTTEN_AFTER_MS, INVOICE_LIFE_SECONDS, type Seller } from '../seller.ts'
import type { Quote } from './quote.ts'

/** An invoice that one client was shown for one route, whichever scheme it chooses to pay it under. */
export interface InvoiceOffer {
  readonly account: Account
  readonly quote: Quote
  /** 64 lowercase hex digits. */
  readonly paymentHash: string
  /** BOLT 11. */
  readonly invoice: string
  readonly expiresAtMs: number
}

/** No invoice was made: the seller's bounds, or its node, refuse it for now. */
export interface NoOffer {
  readonly retryAfterMs: number
  /** What the node, or the ledger, did not do; absent where the bounds refuse it. */
  readonly failure?: StreamError
}

export interface Asked {
  /** The client's address; `undefined` where no adapter told it: then nothing is shared with anybody. */
  readonly client: string | undefined
  readonly method: string
  /** For the next deposit of a session, while the last may be on its way: an invoice that nobody was shown. */
  readonly another?: boolean
}

/** An invoice that has less life left is not shown again: who reads it must have time to pay. */
const LEAST_LEFT_MS = (INVOICE_LIFE_SECONDS * 1000) / 5
const AGREEMENT_LIFE_MS = 24 * 3_600_000
const TROUBLE_MS = 5000
/** Clients that are remembered with what they were shown: more than there can be unpaid invoices. */
const MAX_SHOWN = 4096

/**
 * The invoices that one wall shows in its 402s. Made when somebody is shown one, and shown again to the same client until it is paid or old: so a
 * flood of requests costs the node a bounded number of calls (`Limits.offers`), and each client that pays gets another.
 */
export class Offers {
  readonly #seller: Seller
  readonly #shown = new Map<string, Promise<InvoiceOffer | NoOffer>>()

  constructor(seller: Seller) {
    this.#seller = seller
  }

  /** What is asked has changed: nobody is shown an earlier invoice, and who has one may pay it on its terms. */
  forget(): void {
    this.#shown.clear()
  }

  async of(asked: Asked, terms: Offer, quote: Quote): Promise<InvoiceOffer | NoOffer> {
    const { client, method, another } = asked
    if (client === undefined) return this.#make(undefined, terms, quote)
    const key = `${method} ${client}`
    const other = another ? await this.#make(key, terms, quote) : undefined
    // Where there is none to be had, what was shown before is still good.
    if (other && ('invoice' in other || !this.#shown.has(key))) return other
    for (let shown = this.#shown.get(key); shown; shown = this.#shown.get(key)) {
      const offer = await shown
      if ('retryAfterMs' in offer || isGood(offer)) return offer
      this.#drop(key, shown)
    }
    // Nothing is waited for between the look and this: of many requests at once one makes an invoice.
    const made = this.#make(key, terms, quote)
    this.#shown.set(key, made)
    for (const [oldest] of this.#shown) {
      if (this.#shown.size <= MAX_SHOWN) break
      this.#shown.delete(oldest)
    }
    const offer = await made
    if ('invoice' in offer) offer.account.whenPaid(() => this.#drop(key, made))
    else this.#drop(key, made)
    return offer
  }

  #drop(key: string, made: Promise<InvoiceOffer | NoOffer>): void {
    if (this.#shown.get(key) === made) this.#shown.delete(key)
  }

  async #make(key: string | undefined, terms: Offer, quote: Quote): Promise<InvoiceOffer | NoOffer> {
    const { limits, accounts, keys } = this.#seller
    const place = limits.offer(key?.slice(key.indexOf(' ') + 1), FORGOTTEN_AFTER_MS)
    if ('waitMs' in place) return { retryAfterMs: place.waitMs }
    try {
      const { request: invoice, paymentHash, record } = await this.#seller.mintOffer(quote.allowance)
      const id = keys.current.offerId(paymentHash)
      const account = await accounts.open(agreementFor(id, terms), [record], 'offered')
      account.whenPaid(place.paid)
      return { account, quote, paymentHash, invoice, expiresAtMs: record.expiresAtMs }
    } catch (error) {
      // Our own scheme needs no invoice yet, and is offered meanwhile.
      place.unused()
      const failure = toStreamError(error)
      this.#seller.emit({ type: 'error', error: failure })
      return { retryAfterMs: TROUBLE_MS, failure }
    }
  }
}

const isGood = ({ account, expiresAtMs }: InvoiceOffer): boolean =>
  account.gate.paid === 0n && expiresAtMs - Date.now() >= LEAST_LEFT_MS

/** Prepaid, whatever credit others get: a stranger who pays first is not trusted any further. */
const agreementFor = (id: string, { price, tariff, smallestPayment, network, payee, scope }: Offer): Agreement => ({
  id,
  price,
  ...(tariff && { tariff }),
  credit: NO_CREDIT,
  smallestPayment,
  network,
  payee,
  unsigned: true,
  scope,
  expiresAtMs: Date.now() + AGREEMENT_LIFE_MS,
})
