import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LightningNode } from '../../../src/lightning/node.ts'
import { type Msat, msat, sat } from '../../../src/money/msat.ts'
import { costDown, type Price, parsePrice } from '../../../src/money/price.ts'
import { NO_CREDIT } from '../../../src/terms/credit.ts'
import type { Agreement, Credit, Offer } from '../../../src/terms/terms.ts'
import { encodeAgreement } from '../../../src/wire/agreement.ts'
import { type Challenge, createChallenge } from '../../../src/wire/challenge.ts'
import { type Credential, parseCredential } from '../../../src/wire/credential.ts'
import { formatChallenge } from '../../../src/wire/header.ts'
import { decodeOffer } from '../../../src/wire/offer.ts'
import type { Payload } from '../../../src/wire/payload.ts'
import { balanceOf, encodeStatement, type Statement, signingText } from '../../../src/wire/statement.ts'
import { Tally } from '../attack.ts'
import type { Purse } from '../purse.ts'
import { randomHex } from './buyer.ts'

/** An agreement at a hostile seller. */
export interface Deal {
  readonly agreement: Agreement
  readonly secret: string
  /** Payment hashes of its invoices. */
  readonly minted: Set<string>
  /** What this seller says it delivered, true or not. */
  steps: bigint
}

/** One request with a credential. */
export interface Visit {
  readonly stall: Stall
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly credential: Credential
  /** Absent while there is no agreement yet. */
  readonly deal: Deal | undefined
}

type Answering = (visit: Visit) => void | Promise<void>

/** What a hostile seller does otherwise than an honest one. What is left out is done honestly, but without a gate. */
export interface Lies extends Partial<Record<Payload['action'], Answering>> {
  /** Answers a request without a credential. */
  readonly plain?: (stall: Stall, incoming: IncomingMessage, outgoing: ServerResponse) => void | Promise<void>
  /** Alters the n-th offer. */
  readonly offer?: (offer: Offer, n: number) => Offer
  /** Alters the agreement that it answers with. */
  readonly agreement?: (json: Readonly<Record<string, unknown>>) => unknown
  /** Makes invoices otherwise. */
  readonly mint?: (amounts: readonly Msat[], deal: Deal, stall: Stall) => Promise<readonly string[]>
  /** Alters a statement before it is signed, if it is. */
  readonly statement?: (statement: Statement, deal: Deal, stall: Stall) => Statement
  readonly sign?: (text: string, stall: Stall) => Promise<string | undefined>
}

export interface StallOptions {
  readonly price: string
  readonly credit?: Credit
  /** Whose key the offers name: the node's own by default. */
  readonly payee?: string
  readonly lies: Lies
}

const OFFER_LIFE_MS = 300_000
const INVOICE_SECONDS = 600
const STATEMENT_MS = 50

/** A seller that keeps to nothing: an HTTP program on a real node, written against `src/wire` alone. */
export class Stall {
  readonly node: LightningNode
  readonly purse: Purse
  readonly price: Price
  readonly credit: Credit
  readonly payee: string
  readonly lies: Lies
  readonly server: Server
  readonly deals = new Map<string, Deal>()
  /** Invoices of its node that it showed to buyers, by payment hash. */
  readonly minted = new Set<string>()
  /** Payment hashes of the buyers' invoices that it was asked to pay. */
  readonly claims = new Set<string>()
  /** Credentials that came, by action. */
  readonly asked = new Tally()
  /** Bytes of goods that the buyers' sockets took. */
  taken = 0
  #offers = 0
  #sequence = BigInt(Date.now())
  readonly #secret = crypto.getRandomValues(new Uint8Array(32))

  private constructor(node: LightningNode, purse: Purse, { price, credit = NO_CREDIT, payee, lies }: StallOptions) {
    this.node = node
    this.purse = purse
    this.price = parsePrice(price)
    this.credit = credit
    this.payee = payee ?? purse.publicKey
    this.lies = lies
    this.server = createServer((incoming, outgoing) => {
      outgoing.on('error', () => {})
      this.#answer(incoming, outgoing).catch((error: Error) => outgoing.destroy(error))
    })
  }

  static async open(node: LightningNode, purse: Purse, options: StallOptions): Promise<Stall> {
    const stall = new Stall(node, purse, options)
    await new Promise<void>((resolve) => stall.server.listen(0, '127.0.0.1', resolve))
    return stall
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`
  }

  /** What its node says was paid for a deal. */
  paid({ minted }: Deal): bigint {
    return this.purse.received(minted)
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  /** An offer, in a challenge. */
  challenge(): Challenge {
    const honest: Offer = {
      price: this.price,
      credit: this.credit,
      smallestPayment: sat(1),
      network: 'regtest',
      payee: this.payee,
      scope: '/stall',
      negotiable: false,
      round: 0,
    }
    const offer = this.lies.offer?.(honest, this.#offers) ?? honest
    this.#offers++
    return createChallenge({ secret: this.#secret, realm: 'stall', offer, expiresAtMs: Date.now() + OFFER_LIFE_MS })
  }

  paymentRequired(outgoing: ServerResponse): void {
    outgoing.writeHead(402, { 'www-authenticate': formatChallenge(this.challenge()), 'cache-control': 'no-store' })
    outgoing.end('{}')
  }

  /** Invoices of its own node for a deal. */
  async mint(amounts: readonly Msat[], deal: Deal, expiresInSeconds = INVOICE_SECONDS): Promise<string[]> {
    const description = `stream ${deal.agreement.id}`
    const made = await this.node.createInvoices(amounts.map((amount) => ({ amount, description, expiresInSeconds })))
    for (const { paymentHash } of made) {
      deal.minted.add(paymentHash)
      this.minted.add(paymentHash)
    }
    return made.map(({ request }) => request)
  }

  statement(deal: Deal, state: Statement['state'] = 'open'): Statement {
    const { agreement, steps } = deal
    const paid = msat(this.paid(deal))
    const delivered = costDown(agreement.price, steps)
    const honest: Statement = {
      agreement: agreement.id,
      sequence: ++this.#sequence,
      price: agreement.price,
      steps,
      delivered,
      paid,
      returned: msat(0n),
      balance: balanceOf(paid, delivered, 0n),
      state,
      due: msat(0n),
      atMs: Date.now(),
      payee: agreement.payee,
      network: agreement.network,
    }
    return this.lies.statement?.(honest, deal, this) ?? honest
  }

  async signed(deal: Deal): Promise<Record<string, string>> {
    const statement = this.statement(deal, 'closed')
    const text = signingText(statement)
    const sign = this.lies.sign ?? ((words: string) => this.node.signMessage(words))
    const signature = await sign(text, this)
    return encodeStatement({ ...statement, ...(signature !== undefined && { signature }) })
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    incoming.resume()
    const { authorization } = incoming.headers
    if (authorization === undefined) {
      if (this.lies.plain) return this.lies.plain(this, incoming, outgoing)
      return this.paymentRequired(outgoing)
    }
    const credential = parseCredential(authorization)
    const { payload } = credential
    this.asked.add(payload.action)
    const deal = 'agreement' in payload ? this.deals.get(payload.agreement) : undefined
    const visit: Visit = { stall: this, incoming, outgoing, credential, deal }
    await (this.lies[payload.action] ?? HONEST[payload.action])(visit)
  }
}

export const reply = (outgoing: ServerResponse, body: unknown): void => {
  outgoing.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  outgoing.end(JSON.stringify(body))
}

/** What an honest seller does about each action; lies replace single ones. */
export const HONEST: Readonly<Record<Payload['action'], Answering>> = {
  async accept({ stall, outgoing, credential: { challenge, payload } }) {
    if (payload.action !== 'accept') return
    const offer = decodeOffer(challenge.request)
    const agreement: Agreement = { ...offer, id: randomHex(16), expiresAtMs: Date.now() + 3_600_000 }
    const deal: Deal = { agreement, secret: randomHex(32), minted: new Set(), steps: 0n }
    stall.deals.set(agreement.id, deal)
    const mint = stall.lies.mint ?? ((amounts: readonly Msat[]) => stall.mint(amounts, deal))
    const json = encodeAgreement(agreement, deal.secret, await mint(payload.invoices, deal, stall))
    reply(outgoing, stall.lies.agreement?.({ ...json }) ?? json)
  },
  async invoices({ stall, outgoing, deal, credential: { payload } }) {
    if (payload.action !== 'invoices' || !deal) return void outgoing.destroy()
    const mint = stall.lies.mint ?? ((amounts: readonly Msat[]) => stall.mint(amounts, deal))
    reply(outgoing, { invoices: await mint(payload.amounts, deal, stall) })
  },
  use({ outgoing }) {
    outgoing.end()
  },
  watch({ stall, outgoing, deal }) {
    if (!deal) return void outgoing.destroy()
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    const tell = () =>
      outgoing.write(`event: statement\ndata: ${JSON.stringify(encodeStatement(stall.statement(deal)))}\n\n`)
    tell()
    const timer = setInterval(tell, STATEMENT_MS)
    outgoing.once('close', () => clearInterval(timer))
  },
  async close({ stall, outgoing, deal }) {
    if (!deal) return void outgoing.destroy()
    reply(outgoing, await stall.signed(deal))
  },
  async return({ stall, outgoing, deal, credential: { payload } }) {
    if (payload.action !== 'return' || !deal) return void outgoing.destroy()
    const { status } = await stall.node.pay({ request: payload.invoice, maxFee: msat(0n), timeoutMs: 10_000 })
    reply(outgoing, {
      status: status === 'settled' ? 'settled' : 'failed',
      statement: encodeStatement(stall.statement(deal, 'closed')),
    })
  },
}
