import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, randomBytes } from '@noble/hashes/utils.js'
import { StreamError } from '../../errors/error.ts'
import { type Msat, msat, sat } from '../../money/msat.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { signMessageWith } from '../../wire/message.ts'
import { type InvoiceParts, makeInvoice } from '../../wire/testing/invoice.ts'
import type {
  Invoice,
  InvoiceRecord,
  InvoiceRequest,
  LightningNode,
  NodeInfo,
  OutgoingKeysend,
  OutgoingPayment,
  PaymentOutcome,
  Settlement,
} from '../node.ts'

/**
 * A node for tests of what real nodes do too rarely: a payment that fails, hangs or ends unknown at a chosen moment, an
 * invoice for another amount. Keys, invoices and signatures are real; the channel is a variable. What works on it is shown
 * again on real nodes by the `.e2e.ts` and `.lnd.ts` tests.
 */
export class ScriptedNode implements LightningNode {
  readonly key = randomBytes(32)
  readonly publicKey = bytesToHex(secp256k1.getPublicKey(this.key, true))
  readonly network: NodeInfo['network']
  /** How long a payment of this node takes, in ms. */
  latencyMs = 0
  /** Decides about each payment before it is made; `undefined` lets it settle. */
  script: (
    payment: OutgoingPayment,
    number: number,
  ) => PaymentOutcome | undefined | Promise<PaymentOutcome | undefined> = () => undefined
  /** Alters each invoice before it is signed. */
  alter: (parts: InvoiceParts) => InvoiceParts = (parts) => parts
  calls = 0
  /** Whether it signs; a wallet may not. */
  signs = true
  readonly settlements: Settlement[] = []
  readonly outcomes = new Map<string, PaymentOutcome>()
  readonly preimages = new Map<string, string>()
  /** The invoices it made, oldest first. */
  readonly requests: string[] = []
  /** The other ends of this node's channels. */
  readonly peers: ScriptedNode[] = []
  #payments = 0
  readonly #listeners = new Set<(settlement: Settlement) => void>()

  constructor(network: NodeInfo['network'] = 'regtest') {
    this.network = network
  }

  async info(): Promise<NodeInfo> {
    const { publicKey, network } = this
    return {
      kind: 'scripted',
      network,
      publicKey,
      alias: 'scripted',
      canSend: sat(1_000_000),
      canReceive: sat(1_000_000),
      abilities: { sign: this.signs, settlements: 'pushed', keysend: true, anyAmount: true },
    }
  }

  async createInvoices(requests: readonly InvoiceRequest[]): Promise<Invoice[]> {
    this.calls++
    return requests.map(({ amount, description, expiresInSeconds }) => {
      const preimage = randomBytes(32)
      const paymentHash = bytesToHex(sha256(preimage))
      this.preimages.set(paymentHash, bytesToHex(preimage))
      const parts: InvoiceParts = {
        network: this.network,
        ...(amount !== 'any' && { amount }),
        paymentHash,
        description,
        expiresInSeconds,
        createdAtMs: Date.now(),
        privateKey: this.key,
      }
      const request = makeInvoice(this.alter(parts))
      this.requests.push(request)
      return { request, paymentHash }
    })
  }

  async pay(payment: OutgoingPayment): Promise<PaymentOutcome> {
    this.calls++
    const { paymentHash, amount = payment.amount } = decodeInvoice(payment.request)
    const scripted = await this.script(payment, this.#payments++)
    if (scripted) {
      this.outcomes.set(paymentHash, scripted)
      return scripted
    }
    await new Promise((resolve) => setTimeout(resolve, this.latencyMs / 2))
    const outcome = this.settle(paymentHash, amount ?? msat(0n))
    await new Promise((resolve) => setTimeout(resolve, this.latencyMs / 2))
    return outcome
  }

  async keysend({ publicKey, amount, preimage, ...limits }: OutgoingKeysend): Promise<PaymentOutcome> {
    this.calls++
    const paymentHash = bytesToHex(sha256(hexToBytes(preimage)))
    const scripted = await this.script({ request: '', ...limits }, this.#payments++)
    if (scripted) {
      this.outcomes.set(paymentHash, scripted)
      return scripted
    }
    this.peers.find((peer) => peer.publicKey === publicKey)?.preimages.set(paymentHash, preimage)
    return this.settle(paymentHash, amount)
  }

  /** Lets a payment arrive, as if its HTLC had just been settled. */
  settle(paymentHash: string, amount: Msat): PaymentOutcome {
    const payee = this.peers.find((peer) => peer.preimages.has(paymentHash))
    if (!payee) return { status: 'failed', reason: 'no-route', detail: 'no channel to the payee' }
    if (this.outcomes.get(paymentHash)?.status !== 'settled') payee.receive(paymentHash, amount)
    const outcome = { status: 'settled', preimage: payee.preimages.get(paymentHash)!, fee: msat(0n) } as const
    this.outcomes.set(paymentHash, outcome)
    return outcome
  }

  receive(paymentHash: string, amount: Msat): void {
    const settlement = { index: BigInt(this.settlements.length + 1), paymentHash, amount }
    this.settlements.push(settlement)
    for (const listener of this.#listeners) listener(settlement)
  }

  async lookupPayment(paymentHash: string): Promise<PaymentOutcome | undefined> {
    return this.outcomes.get(paymentHash)
  }

  async lookupInvoice(paymentHash: string): Promise<Msat | undefined> {
    return this.settlements.find((settlement) => settlement.paymentHash === paymentHash)?.amount
  }

  async findInvoice(paymentHash: string): Promise<InvoiceRecord | undefined> {
    return this.#records().find((record) => record.paymentHash === paymentHash)
  }

  async listInvoices({ limit }: { readonly limit: number }): Promise<InvoiceRecord[]> {
    return this.#records().slice(0, limit)
  }

  #records(): InvoiceRecord[] {
    return this.requests.toReversed().map((text) => {
      const { request, paymentHash, amount, description, createdAtMs, expiresAtMs } = decodeInvoice(text)
      const received = this.settlements.find((settlement) => settlement.paymentHash === paymentHash)?.amount
      const status = received !== undefined ? 'settled' : expiresAtMs <= Date.now() ? 'expired' : 'open'
      const asked = amount === undefined ? {} : { amount }
      const times = { createdAtMs, expiresAtMs }
      return { request, paymentHash, ...asked, received: received ?? msat(0n), status, description, ...times }
    })
  }

  subscribeSettlements(since: bigint, onSettled: (settlement: Settlement) => void): () => void {
    for (const settlement of this.settlements) if (settlement.index > since) onSettled(settlement)
    this.#listeners.add(onSettled)
    return () => this.#listeners.delete(onSettled)
  }

  async signMessage(text: string): Promise<string> {
    if (!this.signs) throw new StreamError('node-unable', 'it does not sign')
    return signMessageWith(this.key, text)
  }

  async close(): Promise<void> {}
}

/** Two nodes with a channel between them. */
export function scriptedPair(): { buyer: ScriptedNode; seller: ScriptedNode } {
  const buyer = new ScriptedNode()
  const seller = new ScriptedNode()
  buyer.peers.push(seller)
  seller.peers.push(buyer)
  return { buyer, seller }
}
