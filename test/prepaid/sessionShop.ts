import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, randomBytes } from '@noble/hashes/utils.js'
import { afterEach } from 'vitest'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import type { Invoice, LightningNode } from '../../src/lightning/node.ts'
import { type ScriptedNode, scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { type Msat, msat, sat } from '../../src/money/msat.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { createIntentChallenge, isExpired, verifyChallenge } from '../../src/wire/challenge.ts'
import { parseAnyCredential } from '../../src/wire/credential.ts'
import { encodeJson } from '../../src/wire/encoding.ts'
import { formatChallenge } from '../../src/wire/header.ts'
import { type LightningReceipt, lightningReceipt } from '../../src/wire/mpp/receipt.ts'
import {
  decodeSessionPayload,
  decodeSessionRequest,
  depositInvoice,
  encodeSessionClosed,
  encodeSessionRequest,
  encodeSessionShort,
  formatSessionEvent,
  type RefundStatus,
} from '../../src/wire/mpp/session.ts'

export interface SessionShopOptions {
  /** Chunks of an answer. */
  readonly chunks?: number
  readonly each?: Msat
  readonly deposit?: Msat
  /** How many chunks the seller says it counted for each that it sent. */
  readonly overcount?: bigint
  readonly refunds?: 'paid' | 'kept' | 'failed'
  /** Offers the same invoice until it is paid. */
  readonly reuses?: boolean
  /** Who is paid, and pays back; a scripted node by default. */
  readonly node?: Pick<LightningNode, 'createInvoices' | 'lookupInvoice' | 'pay'>
  /** Looks at each request before the wall does: what it returns is the answer. */
  readonly door?: (request: Request) => Response | undefined
  /** Where the challenges ask for the credential. */
  readonly header?: string
  /** Changes the receipts, in headers and events. */
  readonly receipt?: (receipt: Record<string, unknown>) => Record<string, unknown>
  /**
   * As aperture is: takes no challenge that has expired, never says why it refuses, hands every action on to what is sold, and says only in its receipt how it
   * closed, before it has paid back.
   */
  readonly blunt?: boolean
  /** Called before each chunk leaves. */
  readonly pace?: () => Promise<void>
  /** Called when a further deposit counts already, and before that is answered. */
  readonly toppedUp?: () => Promise<void>
}

interface Session {
  readonly returnInvoice: string
  deposits: bigint
  spent: bigint
  closed: boolean
  wake: () => void
}

const shops = new Set<SessionShop>()
afterEach(async () => {
  await Promise.all([...shops].map((shop) => shop.close()))
  shops.clear()
})

/** A seller by the session draft: one sat for each server-sent event, deposits of 20, and a stream that waits when its session is empty. */
export class SessionShop {
  readonly nodes: { readonly buyer: ScriptedNode; readonly seller: ScriptedNode } = scriptedPair()
  readonly sessions = new Map<string, Session>()
  readonly actions: string[] = []
  /** How often a stream stood still for want of money. */
  stalls = 0
  server!: RunningServer
  readonly #buyers: Buyer[] = []
  readonly #secret = randomBytes(32)
  readonly #claimed = new Set<string>()
  #offered: Invoice | undefined
  readonly #options: SessionShopOptions

  private constructor(options: SessionShopOptions) {
    this.#options = options
  }

  static async open(options: SessionShopOptions = {}): Promise<SessionShop> {
    const shop = new SessionShop(options)
    shop.server = await serve((request) => shop.#answer(request), { port: 0 })
    shops.add(shop)
    return shop
  }

  get #node(): NonNullable<SessionShopOptions['node']> {
    return this.#options.node ?? this.nodes.seller
  }

  get url(): string {
    return `${this.server.url}/generate`
  }
  get earned(): bigint {
    return this.nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  }
  get refunded(): bigint {
    return this.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  }
  get only(): Session {
    return [...this.sessions.values()][0]!
  }

  buyer(options: Partial<BuyerOptions> = {}): Buyer {
    const buyer = createBuyer({ node: this.nodes.buyer, ...options })
    this.#buyers.push(buyer)
    return buyer
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#buyers.map((buyer) => buyer.close({ keep: true })))
    await this.server.close(0)
  }

  async #answer(request: Request): Promise<Response> {
    const closed = this.#options.door?.(request)
    if (closed) return closed
    const own = this.#options.header === undefined ? 'authorization' : this.#options.header
    const header = request.headers.get(own) ?? ''
    if (!/^payment /i.test(header)) return this.#refuse('payment-required')
    const { challenge, payload } = parseAnyCredential(header)
    if (!verifyChallenge(this.#secret, challenge)) return this.#refuse('lightning/unknown-challenge')
    if (this.#options.blunt && isExpired(challenge, Date.now())) return this.#refuse('lightning/challenge-expired')
    const action = decodeSessionPayload(payload)
    this.actions.push(action.action)
    if (action.action === 'open' || action.action === 'topUp') {
      const { paymentHash, amount } = depositInvoice(decodeSessionRequest(challenge.request))
      const preimage = action.action === 'open' ? action.preimage : action.topUpPreimage
      const isPaid = hashOf(preimage) === paymentHash && (await this.#node.lookupInvoice(paymentHash))
      if (!isPaid) return this.#refuse('lightning/invalid-preimage')
      if (this.#claimed.has(paymentHash)) return this.#refuse('lightning/unknown-challenge')
      this.#claimed.add(paymentHash)
      if (action.action === 'topUp') {
        const session = this.sessions.get(action.sessionId)!
        session.deposits += amount!
        session.wake()
        await this.#options.toppedUp?.()
        const headers = this.#receipt(action.sessionId)
        return this.#options.blunt
          ? new Response('the thing', { headers })
          : Response.json({ status: 'ok' }, { headers })
      }
      const { returnInvoice } = action
      this.sessions.set(paymentHash, { returnInvoice, deposits: amount!, spent: 0n, closed: false, wake: () => {} })
      return this.#stream(paymentHash)
    }
    const session = this.sessions.get(action.sessionId)
    if (!session || hashOf(action.preimage) !== action.sessionId) return this.#refuse('lightning/session-not-found')
    if (session.closed) return this.#refuse('lightning/session-closed')
    if (action.action === 'bearer') {
      const isEmpty = session.deposits - session.spent < this.#each
      return isEmpty ? this.#refuse('lightning/insufficient-balance') : this.#stream(action.sessionId)
    }
    return this.end(action.sessionId)
  }

  /** Closes a session as its client's `close` does, or as one does that has idled. */
  async end(id: string): Promise<Response> {
    const session = this.sessions.get(id)!
    session.closed = true
    const amount = msat(((session.deposits - session.spent) / 1000n) * 1000n)
    const { refunds = 'paid' } = this.#options
    if (amount > 0n && refunds === 'paid') {
      await this.#node.pay({ request: session.returnInvoice, amount, maxFee: sat(1), timeoutMs: 30_000 })
    }
    const said: RefundStatus = amount === 0n ? 'skipped' : refunds === 'failed' ? 'failed' : 'succeeded'
    const closed = { refundSats: amount / 1000n, refundStatus: said }
    if (!this.#options.blunt) return Response.json(encodeSessionClosed(closed), { headers: this.#receipt(id) })
    const stated = { closed: { ...closed, refundStatus: 'pending' as const } }
    return new Response('the thing', { headers: this.#receipt(id, stated) })
  }

  #receiptOf(reference: string, more: Partial<LightningReceipt> = {}): Record<string, unknown> {
    const { receipt = (same) => same } = this.#options
    return receipt(lightningReceipt({ reference, timestampMs: Date.now(), ...more }))
  }

  #receipt(reference: string, more: Partial<LightningReceipt> = {}): Record<string, string> {
    return { 'payment-receipt': encodeJson(this.#receiptOf(reference, more)) }
  }

  async #refuse(type: string): Promise<Response> {
    const deposit = this.#options.deposit ?? sat(20)
    const last = this.#options.reuses ? this.#offered : undefined
    const isFree = last && (await this.#node.lookupInvoice(last.paymentHash)) === undefined
    const asked = { amount: deposit, description: '', expiresInSeconds: 600 }
    const [invoice] = isFree ? [last] : await this.#node.createInvoices([asked])
    this.#offered = invoice
    const { request: text, paymentHash } = invoice!
    const request = encodeSessionRequest({
      amount: this.#each,
      depositInvoice: text,
      paymentHash,
      deposit,
      idleTimeoutS: 300,
    })
    const expiresAtMs = Date.now() + 600_000
    const challenge = createIntentChallenge({
      secret: this.#secret,
      realm: 'shop',
      intent: 'session',
      request,
      expiresAtMs,
      ...(this.#options.header !== undefined && { header: this.#options.header }),
    })
    return Response.json(
      { type: `https://paymentauth.org/problems/${this.#options.blunt ? 'payment-required' : type}`, status: 402 },
      {
        status: 402,
        headers: { 'www-authenticate': formatChallenge(challenge), 'content-type': 'application/problem+json' },
      },
    )
  }

  get #each(): Msat {
    return this.#options.each ?? sat(1)
  }

  #stream(sessionId: string): Response {
    const { chunks = 30, overcount = 1n, pace } = this.#options
    const session = this.sessions.get(sessionId)!
    const encoder = new TextEncoder()
    let sent = 0
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const write = (text: string) => controller.enqueue(encoder.encode(text))
      if (sent === chunks) {
        const used = { spentSats: BigInt(sent) * (this.#each / 1000n), units: BigInt(sent) }
        write(formatSessionEvent('payment-receipt', this.#receiptOf(sessionId, { used })))
        write('data: [DONE]\n\n')
        return controller.close()
      }
      const cost = this.#each * overcount
      if (session.deposits - session.spent < cost) {
        this.stalls++
        const toppedUp = new Promise<void>((resolve) => {
          session.wake = resolve
        })
        const short = { sessionId, balanceSpent: session.spent / 1000n, balanceRequired: cost / 1000n }
        write(formatSessionEvent('payment-need-topup', encodeSessionShort(short)))
        await toppedUp
      }
      await pace?.()
      session.spent += cost
      write(`data: chunk ${sent++}\n\n`)
    }
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), {
      headers: { 'content-type': 'text/event-stream', ...this.#receipt(sessionId) },
    })
  }
}

const hashOf = (preimage: string): string => bytesToHex(sha256(hexToBytes(preimage)))
