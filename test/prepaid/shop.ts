import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, randomBytes } from '@noble/hashes/utils.js'
import { afterEach, expect } from 'vitest'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import type { InvoiceRequest, LightningNode } from '../../src/lightning/node.ts'
import { type ScriptedNode, scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { type Msat, sat } from '../../src/money/msat.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { createIntentChallenge, verifyChallenge } from '../../src/wire/challenge.ts'
import { parseAnyCredential } from '../../src/wire/credential.ts'
import { bodyDigest } from '../../src/wire/digest.ts'
import { encodeJson } from '../../src/wire/encoding.ts'
import { formatChallenge } from '../../src/wire/header.ts'
import {
  decodeIdentifier,
  encodeIdentifier,
  formatMacaroon,
  isL402Credential,
  mintMacaroon,
  parseL402Credential,
  verifyMacaroon,
} from '../../src/wire/l402/index.ts'
import { decodeChargePayload, decodeChargeRequest, encodeChargeRequest } from '../../src/wire/mpp/charge.ts'
import { encodeLightningReceipt, type LightningReceipt } from '../../src/wire/mpp/receipt.ts'

type SellerNode = Pick<LightningNode, 'createInvoices' | 'lookupInvoice'>

export interface ShopOptions {
  readonly schemes: ReadonlyArray<'l402' | 'charge'>
  readonly price?: Msat
  /** Requests that an L402 token is good for. */
  readonly uses?: number
  readonly node?: SellerNode
  readonly caveats?: readonly string[]
  /** Refuses whatever is paid, so many times. */
  readonly refusals?: number
  readonly expirySeconds?: number
  /** Changes each value of the WWW-Authenticate header. */
  readonly tamper?: (value: string) => string
  readonly answer?: () => Response
  /** Changes the receipt of a charge. */
  readonly receipt?: (receipt: LightningReceipt) => Record<string, unknown>
  /** Binds a charge to the body that it was asked for with. */
  readonly bound?: boolean
  /** Where a charge's credential is asked for. */
  readonly header?: string
  /** Says 401 of a token that is used up, and offers nothing with it. */
  readonly silent?: boolean
}

const open = new Set<RunningServer>()
const buyers = new Set<Buyer>()
afterEach(async () => {
  await Promise.allSettled([...buyers].map((buyer) => buyer.close({ keep: true })))
  buyers.clear()
  await Promise.all([...open].map((server) => server.close(0)))
  open.clear()
})

/**
 * A seller of another's making, as they are deployed: it wants to be paid first, asks its own node whether it was, and takes each charge once
 * and each token so often. It shares the wire with the buyer, and nothing else.
 */
export class Shop {
  readonly nodes: { readonly buyer: ScriptedNode; readonly seller: ScriptedNode }
  readonly server: RunningServer
  /** Every Authorization header that came, or undefined for a request without one. */
  readonly asked: Array<string | undefined> = []
  readonly delivered: string[] = []

  private constructor(nodes: Shop['nodes'], server: RunningServer) {
    this.nodes = nodes
    this.server = server
  }

  get url(): string {
    return `${this.server.url}/thing`
  }

  /** What the buyers' node sent and the seller's has. */
  get earned(): bigint {
    return this.nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  }

  static async open(options: ShopOptions, nodes: Shop['nodes'] = scriptedPair()): Promise<Shop> {
    const { schemes, price = sat(20), uses = 3, expirySeconds = 600, tamper = (value) => value } = options
    const node: SellerNode = options.node ?? nodes.seller
    const secret = randomBytes(32)
    const used = new Map<string, number>()
    let refusals = options.refusals ?? 0

    const refuse = async (request: Request): Promise<Response> => {
      const digest = options.bound ? bodyDigest(new Uint8Array(await request.arrayBuffer())) : undefined
      const asked: InvoiceRequest = { amount: price, description: 'shop', expiresInSeconds: expirySeconds }
      const [invoice] = await node.createInvoices([asked])
      const { request: text, paymentHash } = invoice!
      const headers = new Headers({ 'cache-control': 'no-store' })
      for (const scheme of schemes) headers.append('www-authenticate', tamper(offer(scheme, text, paymentHash, digest)))
      return new Response('pay first', { status: 402, headers })
    }
    const offer = (scheme: string, invoice: string, paymentHash: string, digest: string | undefined): string => {
      if (scheme === 'l402') {
        const identifier = encodeIdentifier({ paymentHash, tokenId: bytesToHex(randomBytes(32)) })
        const token = formatMacaroon(mintMacaroon(secret, identifier, 'shop', options.caveats ?? ['services=shop:0']))
        return `L402 macaroon="${token}", invoice="${invoice}"`
      }
      const request = encodeChargeRequest({
        amount: price,
        invoice,
        paymentHash,
        network: decodeInvoice(invoice).network,
      })
      const expiresAtMs = Date.now() + expirySeconds * 1000
      const more = { ...(digest !== undefined && { digest }), ...(options.header && { header: options.header }) }
      const bounds = { secret, realm: 'shop', intent: 'charge', expiresAtMs, ...more }
      return formatChallenge(createIntentChallenge({ ...bounds, request }))
    }
    /** Payment hash, and how often it may be used. */
    const read = (header: string): [hash: string | undefined, most: number] => {
      if (isL402Credential(header)) {
        const { macaroons, preimage } = parseL402Credential(header)
        const hash = decodeIdentifier(macaroons[0]!.identifier)?.paymentHash
        const isGood = verifyMacaroon(secret, macaroons[0]!) && hashOf(preimage) === hash
        return [isGood ? hash : undefined, uses]
      }
      const { challenge, payload } = parseAnyCredential(header)
      const { invoice } = decodeChargeRequest(challenge.request)
      const hash = hashOf(decodeChargePayload(payload).preimage)
      const isGood = verifyChallenge(secret, challenge) && decodeInvoice(invoice).paymentHash === hash
      return [isGood ? hash : undefined, 1]
    }
    const server = await serve(
      async (request) => {
        const text = request.headers.get(options.header ?? 'authorization') ?? ''
        // A key for something else is no credential.
        const header = /^(?:payment|l402|lsat) /i.test(text) ? text : undefined
        shop.asked.push(header)
        if (new URL(request.url).pathname === '/free') return new Response('free')
        if (header === undefined) return refuse(request)
        const [hash, most] = read(header)
        if (hash === undefined || (await node.lookupInvoice(hash)) === undefined) return refuse(request)
        if (refusals-- > 0) return refuse(request)
        const count = used.get(hash) ?? 0
        if (count >= most) return options.silent ? new Response('used up', { status: 401 }) : refuse(request)
        used.set(hash, count + 1)
        shop.delivered.push(hash)
        const said = { reference: hash, timestampMs: Date.now() }
        const receipt = options.receipt ? encodeJson(options.receipt(said)) : encodeLightningReceipt(said)
        return options.answer?.() ?? new Response('the thing', { headers: { 'payment-receipt': receipt } })
      },
      { port: 0 },
    )
    open.add(server)
    const shop = new Shop(nodes, server)
    return shop
  }

  buyer(options: Partial<BuyerOptions> = {}): Buyer {
    const buyer = createBuyer({ node: this.nodes.buyer, ...options })
    buyers.add(buyer)
    return buyer
  }

  /** Nothing was paid that was not delivered, and no invoice twice. */
  checkHonest(): void {
    const paid = this.nodes.seller.settlements.map(({ paymentHash }) => paymentHash)
    expect(new Set(paid).size).toBe(paid.length)
    expect(new Set(this.delivered)).toEqual(new Set(paid))
  }
}

const hashOf = (preimage: string): string => bytesToHex(sha256(hexToBytes(preimage)))
