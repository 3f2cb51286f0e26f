import type { LightningNode, PaymentOutcome } from '../../../src/lightning/node.ts'
import { msat } from '../../../src/money/msat.ts'
import { type DecodedAgreement, decodeAgreement, decodeInvoiceList } from '../../../src/wire/agreement.ts'
import { decodeInvoice } from '../../../src/wire/bolt11.ts'
import type { Challenge } from '../../../src/wire/challenge.ts'
import { formatCredential } from '../../../src/wire/credential.ts'
import { parseChallenges } from '../../../src/wire/header.ts'
import type { AcceptPayload, Payload } from '../../../src/wire/payload.ts'
import { mustBe, Tally } from '../attack.ts'
import { type Answer, Line, nameOf, ownAddress, readBytes, readJson } from './http.ts'

const PAY_TIMEOUT_MS = 20_000

export const randomHex = (bytes: number): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex')

/** A buyer that keeps to nothing: it speaks the protocol by hand, one action at a time, with a real node. */
export class RawBuyer {
  readonly url: string
  readonly node: LightningNode
  readonly line: Line
  readonly tally = new Tally()
  /** Payment hashes of every invoice that this buyer was given. */
  readonly given = new Set<string>()
  /** Payment hashes of invoices of its own that it asked returns to. */
  readonly asked = new Set<string>()
  /** Bytes of goods that came out of its sockets. */
  received = 0
  challenge!: Challenge
  deal!: DecodedAgreement

  constructor(node: LightningNode, url: string, line = new Line(ownAddress())) {
    this.node = node
    this.url = url
    this.line = line
  }

  /** Asks for the offer. */
  async ask(url = this.url): Promise<Challenge> {
    const answer = await this.line.send(url)
    await readBytes(answer)
    mustBe(answer.status === 402, `the seller answers ${answer.status} and makes no offer`)
    return parseChallenges(answer.headers['www-authenticate'] ?? '')[0]!
  }

  async agree(amounts: readonly bigint[], more: Partial<AcceptPayload> = {}): Promise<this> {
    this.challenge = await this.ask()
    const answer = await this.accept(amounts, more)
    mustBe(answer.status === 200, `the seller refuses an honest acceptance: ${answer.status}`)
    this.take(await readJson(answer))
    return this
  }

  accept(amounts: readonly bigint[], more: Partial<AcceptPayload> = {}): Promise<Answer> {
    const invoices = amounts.map((amount) => msat(amount))
    return this.send({ action: 'accept', nonce: randomHex(16), invoices, ...more })
  }

  /** Takes up an agreement as its own. */
  take(json: unknown): void {
    this.deal = decodeAgreement(json)
    this.note(this.deal.invoices)
  }

  get proof(): { readonly agreement: string; readonly secret: string } {
    return { agreement: this.deal.agreement.id, secret: this.deal.secret }
  }

  send(payload: Payload, url = this.url, signal?: AbortSignal): Promise<Answer> {
    const authorization = formatCredential({ challenge: this.challenge, payload })
    return this.line.send(url, { authorization, ...(signal && { signal }) })
  }

  use(url = this.url, signal?: AbortSignal): Promise<Answer> {
    return this.send({ action: 'use', ...this.proof }, url, signal)
  }

  /** Uses the agreement and reads what comes, until nothing more does. Returns the bytes of this answer. */
  async consume(most?: number, patienceMs?: number): Promise<Buffer> {
    const answer = await this.use()
    return this.goods(answer, most, patienceMs)
  }

  /** Reads goods: a 2xx counts as received, all else is tallied. */
  async goods(answer: Answer, most?: number, patienceMs?: number): Promise<Buffer> {
    if (answer.status < 200 || answer.status > 299) {
      this.tally.add(await nameOf(answer))
      return Buffer.alloc(0)
    }
    this.tally.add(`${answer.status}`)
    const bytes = await readBytes(answer, most, patienceMs)
    this.received += bytes.length
    return bytes
  }

  async invoices(amounts: readonly bigint[]): Promise<readonly string[]> {
    const answer = await this.send({
      action: 'invoices',
      ...this.proof,
      amounts: amounts.map((amount) => msat(amount)),
    })
    if (answer.status !== 200) {
      this.tally.add(await nameOf(answer))
      return []
    }
    const list = decodeInvoiceList(await readJson(answer))
    this.note(list)
    return list
  }

  note(requests: readonly string[]): void {
    for (const request of requests) this.given.add(decodeInvoice(request).paymentHash)
  }

  async pay(request: string): Promise<PaymentOutcome> {
    return this.node.pay({ request, maxFee: msat(0n), timeoutMs: PAY_TIMEOUT_MS })
  }

  /** Pays the first invoices of the agreement. */
  async payFirst(): Promise<this> {
    for (const request of this.deal.invoices) {
      const { status } = await this.pay(request)
      mustBe(status === 'settled', `the first payment is ${status}`)
    }
    return this
  }

  /** Sends an action and tallies the answer. Returns its JSON. */
  async act(payload: Payload): Promise<unknown> {
    const answer = await this.send(payload)
    const json = await readJson(answer)
    const { code, status } = (json ?? {}) as { code?: unknown; status?: unknown }
    const said = answer.status === 200 && typeof status === 'string' ? status : code
    this.tally.add(typeof said === 'string' ? `${answer.status} ${said}` : `${answer.status}`)
    return answer.status === 200 ? json : undefined
  }

  close(): Promise<unknown> {
    return this.act({ action: 'close', ...this.proof })
  }

  /** An invoice of its own node, to have money returned to. */
  async mint(amount: bigint): Promise<string> {
    const [invoice] = await this.node.createInvoices([
      { amount: msat(amount), description: 'back', expiresInSeconds: 600 },
    ])
    this.asked.add(invoice!.paymentHash)
    return invoice!.request
  }

  askBack(invoice: string): Promise<unknown> {
    return this.act({ action: 'return', ...this.proof, invoice })
  }

  end(): void {
    this.line.end()
  }
}
