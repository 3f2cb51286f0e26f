import { expect } from 'vitest'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import type { Challenge } from '../../src/wire/challenge.ts'
import { parseChallenges } from '../../src/wire/header.ts'
import type { Market } from '../trade/market.ts'

type Json = Record<string, unknown>

export interface Paid {
  readonly challenge: Challenge
  readonly preimage: string
  readonly paymentHash: string
}

const toText = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url')
export const fromText = (text: string): Json => JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Json

/**
 * A client of the field's schemes, by hand: it writes its credentials with nothing of ours, and as it likes.
 * @example const paid = await client.pay(await client.ask('charge')); await client.send(paid.challenge, { preimage: paid.preimage })
 */
export class FieldClient {
  readonly market: Market
  readonly url: string

  constructor(market: Market, url = market.url) {
    this.market = market
    this.url = url
  }

  /** The challenge of one intent that a request without a credential gets. */
  async ask(intent: 'charge' | 'session', headers: Readonly<Record<string, string>> = {}): Promise<Challenge> {
    const response = await fetch(this.url, { headers })
    expect(response.status).toBe(402)
    await response.body?.cancel()
    return challengeIn(response, intent)
  }

  /** Pays what a challenge asks for, at the buyer's node, and lets the seller's know. */
  pay(challenge: Challenge): Paid {
    const invoice = invoiceOf(challenge)
    return { challenge, ...this.payInvoice(invoice) }
  }

  payInvoice(invoice: string): { readonly preimage: string; readonly paymentHash: string } {
    const { paymentHash, amount } = decodeInvoice(invoice)
    const outcome = this.market.nodes.buyer.settle(paymentHash, amount!)
    if (outcome.status !== 'settled') throw new Error(`not paid: ${outcome.status}`)
    return { paymentHash, preimage: outcome.preimage }
  }

  send(challenge: object, payload: object, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', credential(challenge, payload))
    return fetch(this.url, { ...init, headers })
  }

  /** An invoice for any amount at the buyer's node. */
  async returnInvoice(expiresInSeconds = 86_400): Promise<string> {
    const asked = { amount: 'any', description: 'back', expiresInSeconds } as const
    const [invoice] = await this.market.nodes.buyer.createInvoices([asked])
    return invoice!.request
  }

  async open({ challenge, preimage }: Paid, returnInvoice?: string): Promise<Response> {
    return this.send(challenge, {
      action: 'open',
      preimage,
      returnInvoice: returnInvoice ?? (await this.returnInvoice()),
    })
  }

  bearer({ challenge, preimage, paymentHash }: Paid): Promise<Response> {
    return this.send(challenge, { action: 'bearer', sessionId: paymentHash, preimage })
  }

  topUp(session: Paid, { challenge, preimage }: Paid): Promise<Response> {
    return this.send(challenge, { action: 'topUp', sessionId: session.paymentHash, topUpPreimage: preimage })
  }

  close({ challenge, preimage, paymentHash }: Paid): Promise<Response> {
    return this.send(challenge, { action: 'close', sessionId: paymentHash, preimage })
  }
}

export const credential = (challenge: object, payload: object, more: object = {}): string =>
  `Payment ${toText({ challenge, payload, ...more })}`

/** The fresh challenge of an answer. */
export function challengeIn(response: Response, intent: string): Challenge {
  const header = response.headers.get('www-authenticate') ?? ''
  const found = parseChallenges(header).find((challenge) => challenge.intent === intent)
  if (!found) throw new Error(`no ${intent} challenge in: ${header.slice(0, 200)}`)
  return found
}

/** The invoice of a charge, or of a session's deposit. */
export function invoiceOf({ request }: Challenge): string {
  const { depositInvoice, methodDetails } = fromText(request)
  return String(depositInvoice ?? (methodDetails as Json).invoice)
}

export const receiptOf = (response: Response): Json => fromText(response.headers.get('payment-receipt') ?? '')
