import type { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import type { Offer } from '../../terms/terms.ts'
import { type CredentialHeader, METHOD } from '../../wire/challenge.ts'
import type { SchemeName } from '../../wire/challenges.ts'
import { preferred } from '../../wire/mpp/acceptPayment.ts'
import { TOP_UP_FOR } from '../../wire/mpp/session.ts'
import { clientAddress } from '../clientAddress.ts'
import { sameAsked } from '../scopes.ts'
import type { Seller } from '../seller.ts'
import { digestFor } from './boundBody.ts'
import { type InvoiceOffer, Offers } from './offers.ts'
import { isOpenSession } from './proof.ts'
import { type Quote, quoteOf } from './quote.ts'
import { chargeText, textsOf, type Wording } from './texts.ts'

/** The challenges of one 402. */
export interface Menu {
  /** As WWW-Authenticate has them, joined: clients that read one line read all. Empty where nothing can be offered now. */
  readonly header: string
  /** When those that need an invoice can be had again, where they are left out. */
  readonly retryAfterMs?: number
  /** Why, where that is a failure. */
  readonly failure?: StreamError
}

type Texts = ReturnType<typeof textsOf>

/** What one wall offers to whoever pays nothing yet, in the seller's order or the client's. */
export class Menus {
  readonly #seller: Seller
  readonly #schemes: readonly SchemeName[]
  readonly #allowance: Msat | undefined
  readonly #offers: Offers
  readonly #texts = new WeakMap<InvoiceOffer, { readonly [K in CredentialHeader]?: Texts }>()
  #quoted: { readonly terms: Offer; readonly quote: Quote } | undefined

  constructor(seller: Seller, schemes: readonly SchemeName[], allowance: Msat | undefined) {
    this.#seller = seller
    this.#schemes = schemes
    this.#allowance = allowance
    this.#offers = new Offers(seller)
  }

  /** @param stream the challenge of our own scheme */
  async of(request: Request, terms: Offer, stream: string, wording: Wording): Promise<Menu> {
    const schemes = this.#inOrder(request.headers.get('accept-payment'))
    const needsInvoice = schemes.some((scheme) => scheme !== 'stream') && terms.price.msat > 0n
    const offer = needsInvoice ? await this.#offer(request, terms) : undefined
    const texts = offer && 'account' in offer ? await this.#textsFor(request, schemes, offer, wording) : undefined
    const header = schemes.flatMap((scheme) => (scheme === 'stream' ? stream : (texts?.[scheme] ?? []))).join(', ')
    return { header, ...(offer && 'retryAfterMs' in offer && offer) }
  }

  #inOrder(accepted: string | null): readonly SchemeName[] {
    if (accepted === null) return this.#schemes
    const known = this.#schemes.map((scheme) => ({ method: METHOD, intent: scheme }))
    const payments = preferred(
      accepted,
      known.filter(({ intent }) => intent !== 'l402'),
    ).map(({ intent }) => intent)
    // L402 is no method of `Payment`: the header says nothing of it.
    return this.#schemes.includes('l402') ? [...payments, 'l402'] : payments
  }

  async #offer(request: Request, terms: Offer) {
    const client = clientAddress(request, this.#seller.trustProxy)
    const session = request.headers.get(TOP_UP_FOR)
    // A ledger that cannot be read now is told of where it is needed.
    const another = session !== null && (await isOpenSession(this.#seller, session).catch(() => false))
    return this.#offers.of({ client, method: request.method, another }, terms, this.#quoteOf(terms))
  }

  #quoteOf(terms: Offer): Quote {
    if (this.#quoted?.terms === terms) return this.#quoted.quote
    // Asked for the same, whoever was shown an invoice may be shown it again.
    if (this.#quoted && !sameAsked(this.#quoted.terms, terms)) this.#offers.forget()
    const quote = quoteOf(terms.price, this.#schemes, this.#allowance)
    this.#quoted = { terms, quote }
    return quote
  }

  /** A charge for a request with a body is for that body; all else is the same for many requests. */
  async #textsFor(
    request: Request,
    schemes: readonly SchemeName[],
    offer: InvoiceOffer,
    wording: Wording,
  ): Promise<Texts> {
    const texts = this.#textsOf(offer, wording)
    const digest = schemes.includes('charge') ? await digestFor(request) : undefined
    return digest === undefined ? texts : { ...texts, charge: chargeText(this.#seller, offer, wording, digest) }
  }

  #textsOf(offer: InvoiceOffer, wording: Wording): Texts {
    const known = this.#texts.get(offer)
    const texts = known?.[wording.header] ?? textsOf(this.#seller, offer, wording)
    this.#texts.set(offer, { ...known, [wording.header]: texts })
    return texts
  }
}
