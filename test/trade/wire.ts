import { expect } from 'vitest'
import { streamChallenge } from '../../src/buyer/trade/control.ts'
import type { WebHandler } from '../../src/seller/adapters/node.ts'
import { type DecodedAgreement, decodeAgreement, decodeInvoiceList } from '../../src/wire/agreement.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import type { Challenge } from '../../src/wire/challenge.ts'
import { formatCredential, parseCredential } from '../../src/wire/credential.ts'
import type { Payload } from '../../src/wire/payload.ts'
import type { Market } from './market.ts'

export const NONCE = '00112233445566778899aabbccddeeff'

/** A buyer that speaks the protocol by hand, and so can break it. */
export class RawBuyer {
  readonly market: Market
  readonly url: string
  challenge!: Challenge
  deal!: DecodedAgreement

  constructor(market: Market, path = '/') {
    this.market = market
    this.url = market.url + path
  }

  /** Asks for the offer and accepts it. */
  async agree(invoices: readonly bigint[] = [], nonce = NONCE): Promise<this> {
    this.challenge = await this.ask()
    const response = await this.send({ action: 'accept', nonce, invoices: invoices as never })
    expect(response.status).toBe(200)
    this.deal = decodeAgreement(await response.json())
    return this
  }

  async ask(): Promise<Challenge> {
    const response = await fetch(this.url)
    expect(response.status).toBe(402)
    await response.body?.cancel()
    return streamChallenge(response)!
  }

  get proof(): { readonly agreement: string; readonly secret: string } {
    return { agreement: this.deal.agreement.id, secret: this.deal.secret }
  }

  send(payload: Payload, init: RequestInit = {}, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const authorization = formatCredential({ challenge: this.challenge, payload })
    return fetch(this.url, { ...init, headers: { ...headers, authorization } })
  }

  use(init: RequestInit = {}): Promise<Response> {
    return this.send({ action: 'use', ...this.proof }, init)
  }

  async invoices(amounts: readonly bigint[]): Promise<readonly string[]> {
    const response = await this.send({ action: 'invoices', ...this.proof, amounts: amounts as never })
    expect(response.status).toBe(200)
    return decodeInvoiceList(await response.json())
  }

  /** Lets payments arrive at the seller's node. */
  pay(...requests: readonly string[]): void {
    for (const request of requests) {
      const { paymentHash, amount } = decodeInvoice(request)
      this.market.nodes.buyer.settle(paymentHash, amount!)
    }
  }

  async payMore(...amounts: readonly bigint[]): Promise<void> {
    this.pay(...(await this.invoices(amounts)))
  }
}

/** The code of a problem document. */
export async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code
}

type Json = Record<string, unknown>

/** A seller whose answers to one action are altered on their way. */
export const altering =
  (action: Payload['action'], alter: (json: Json, payload: Payload) => unknown) =>
  (handler: WebHandler): WebHandler =>
  async (request) => {
    const response = await handler(request)
    const authorization = request.headers.get('authorization')
    if (!response.ok || authorization === null) return response
    const { payload } = parseCredential(authorization)
    if (payload.action !== action) return response
    return Response.json(await alter((await response.json()) as Json, payload))
  }
