import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NWCWalletService, NWCWalletServiceKeyPair, type NWCWalletServiceRequestHandler } from '@getalby/sdk/nwc'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, randomBytes } from '@noble/hashes/utils.js'
import { subscribeToInvoices } from 'lightning'
import { type NetNode, openLnd } from '../../lightning-net/lnd.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import type { InvoiceRecord, LightningNode, PaymentOutcome } from '../../src/lightning/node.ts'
import { msat, sat } from '../../src/money/msat.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import type { RelayProcess } from './relay.ts'

const METHODS = [
  'get_info',
  'get_balance',
  'make_invoice',
  'pay_invoice',
  'pay_keysend',
  'lookup_invoice',
  'list_transactions',
  'sign_message',
] as const
type Method = (typeof METHODS)[number]

export interface WalletChanges {
  /** What this wallet cannot do, or does not allow. */
  readonly without?: readonly Method[]
  /** Tells of payments by itself. */
  readonly notifies?: boolean
  /** Says of itself something else. */
  readonly info?: object
}

type Answer = { readonly result: unknown; readonly error: undefined }
type Refusal = { readonly result: undefined; readonly error: { readonly code: string; readonly message: string } }
const ok = (result: unknown): Answer => ({ result, error: undefined })
export const refusal = (code: string, message: string): Refusal => ({ result: undefined, error: { code, message } })
/** The wallet did what it was asked, and its answer is lost. */
export const LOST = new Promise<never>(() => {})

/** A wallet service as people run one: the library's, in front of a real LND. Wallets differ, so what it can do can be taken away. */
export class Wallet {
  readonly node: LightningNode
  /** Decides about each request before (`undefined`: goes on) and after it was done. */
  before: (method: string, params: Record<string, unknown>) => unknown = () => undefined
  after: (method: string, answer: unknown) => unknown = (_, answer) => answer
  readonly asked: string[] = []
  readonly #service: NWCWalletService
  readonly #keys: NWCWalletServiceKeyPair
  readonly #secret = bytesToHex(randomBytes(32))
  readonly #relay: RelayProcess
  readonly #net: NetNode
  readonly #changes: WalletChanges
  #ends: (() => void)[] = []

  private constructor(node: LightningNode, net: NetNode, relay: RelayProcess, changes: WalletChanges) {
    this.node = node
    this.#net = net
    this.#relay = relay
    this.#changes = changes
    const client = bytesToHex(secp256k1.getPublicKey(Buffer.from(this.#secret, 'hex'), true)).slice(2)
    this.#keys = new NWCWalletServiceKeyPair(bytesToHex(randomBytes(32)), client)
    this.#service = new NWCWalletService({ relayUrls: [relay.url] })
    // The service waits for no answer's delivery: where the relay goes meanwhile, nobody would take the failure.
    const { pool } = this.#service
    const publish = pool.publish.bind(pool)
    pool.publish = (...args) => publish(...args).map((sent) => sent.catch((error) => String(error)))
  }

  static async start(net: NetNode, relay: RelayProcess, changes: WalletChanges = {}): Promise<Wallet> {
    const wallet = new Wallet(await createLndNode(net), net, relay, changes)
    await wallet.#serve()
    return wallet
  }

  /** The connection string, in a file of its owner alone. */
  fileIn(folder: string, name = 'wallet.nwc'): string {
    const file = join(folder, name)
    const relay = encodeURIComponent(this.#relay.url)
    writeFileSync(file, `nostr+walletconnect://${this.#keys.walletPubkey}?relay=${relay}&secret=${this.#secret}\n`)
    chmodSync(file, 0o600)
    return file
  }

  get secret(): string {
    return this.#secret
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end()
    this.#service.close()
    await this.node.close()
  }

  /** A notification of the wallet, whatever it says. */
  async notify(type: string, notification: unknown): Promise<void> {
    const content = JSON.stringify({ notification_type: type, notification })
    const event = await this.#service.signEvent(
      {
        kind: 23197,
        created_at: Math.floor(Date.now() / 1000),
        tags: [['p', this.#keys.clientPubkey]],
        content: await this.#service.encrypt(this.#keys, content, 'nip44_v2'),
      },
      this.#keys.walletSecret,
    )
    await Promise.any(this.#service.pool.publish([this.#relay.url], event)).catch(() => {})
  }

  get #methods(): Method[] {
    return METHODS.filter((method) => !this.#changes.without?.includes(method))
  }

  async #serve(): Promise<void> {
    const { notifies = false } = this.#changes
    await this.announce()
    const handler: Record<string, unknown> = {}
    for (const method of this.#methods) {
      const name = method.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
      handler[name] = async (params: Record<string, unknown> = {}) => {
        this.asked.push(method)
        const early = await this.before(method, params)
        return this.after(method, early ?? (await this.#answer(method, params)))
      }
    }
    this.#ends.push(await this.#service.subscribe(this.#keys, handler as NWCWalletServiceRequestHandler))
    if (notifies) await this.#notifyAll()
  }

  /** What the wallet says of itself on the relay: to be told again to one that was started anew. */
  async announce(): Promise<void> {
    const notifications = this.#changes.notifies ? (['payment_received'] as const) : []
    await this.#service.publishWalletServiceInfoEvent(this.#keys.walletSecret, this.#methods, [...notifications])
  }

  async #notifyAll(): Promise<void> {
    const updates = subscribeToInvoices({ lnd: await openLnd(this.#net) })
    updates.on('error', () => {})
    updates.on('invoice_updated', async ({ id, is_confirmed: paid }: { id: string; is_confirmed: boolean }) => {
      const record = paid ? await this.node.findInvoice(id).catch(() => undefined) : undefined
      if (record) await this.notify('payment_received', incoming(record))
    })
    this.#ends.push(() => updates.removeAllListeners())
  }

  async #answer(method: Method, params: Record<string, unknown>): Promise<Answer | Refusal> {
    try {
      return await this.#do(method, params)
    } catch (error) {
      return refusal('INTERNAL', (error as Error).message)
    }
  }

  async #do(method: Method, params: Record<string, unknown>): Promise<Answer | Refusal> {
    switch (method) {
      case 'get_info': {
        const { alias, publicKey: pubkey, network } = await this.node.info()
        const notifications = this.#changes.notifies ? ['payment_received'] : []
        return ok({ alias, pubkey, network, methods: this.#methods, notifications, ...this.#changes.info })
      }
      case 'get_balance':
        return ok({ balance: Number((await this.node.info()).canSend) })
      case 'make_invoice': {
        const {
          amount,
          description = '',
          expiry = 3600,
        } = params as { amount: number; description?: string; expiry?: number }
        const request = { amount: msat(BigInt(amount)), description, expiresInSeconds: expiry }
        const [made] = await this.node.createInvoices([request])
        return ok(incoming((await this.node.findInvoice(made!.paymentHash))!))
      }
      case 'pay_invoice': {
        const request = params.invoice as string
        return paid(await this.node.pay({ request, maxFee: sat(20), timeoutMs: 30_000 }))
      }
      case 'pay_keysend': {
        const { amount, pubkey: publicKey, preimage } = params as { amount: number; pubkey: string; preimage: string }
        const limits = { maxFee: sat(20), timeoutMs: 30_000 }
        return paid(await this.node.keysend({ publicKey, amount: msat(BigInt(amount)), preimage, ...limits }))
      }
      case 'lookup_invoice':
        return this.#lookup((params.payment_hash ?? decodeInvoice(params.invoice as string).paymentHash) as string)
      case 'list_transactions': {
        const { from = 0, limit = 20, offset = 0, unpaid = false } = params as Record<string, number | undefined>
        const records = (await this.node.listInvoices({ limit: 1000 }))
          .filter(({ createdAtMs }) => createdAtMs >= Number(from) * 1000)
          .filter(({ status }) => unpaid || status === 'settled')
        return ok({ transactions: records.slice(offset, offset + limit).map(incoming), total_count: records.length })
      }
      case 'sign_message': {
        const message = params.message as string
        return ok({ message, signature: await this.node.signMessage(message) })
      }
    }
  }

  async #lookup(hash: string): Promise<Answer | Refusal> {
    const record = await this.node.findInvoice(hash)
    if (record) return ok(incoming(record))
    const outcome = await this.node.lookupPayment(hash)
    return outcome ? ok(outgoing(hash, outcome)) : refusal('NOT_FOUND', 'no such transaction')
  }
}

const seconds = (ms: number): number => Math.floor(ms / 1000)

function incoming(record: InvoiceRecord) {
  const { status, amount = record.received, received } = record
  return {
    type: 'incoming',
    state: status === 'settled' ? 'settled' : status === 'open' ? 'pending' : 'failed',
    invoice: record.request,
    description: record.description,
    payment_hash: record.paymentHash,
    amount: Number(status === 'settled' ? received : amount),
    fees_paid: 0,
    created_at: seconds(record.createdAtMs),
    expires_at: seconds(record.expiresAtMs),
    settled_at: record.settledAtMs === undefined ? null : seconds(record.settledAtMs),
  }
}

function outgoing(hash: string, outcome: PaymentOutcome) {
  const settled = outcome.status === 'settled' ? outcome : undefined
  return {
    type: 'outgoing',
    state: outcome.status === 'settled' || outcome.status === 'failed' ? outcome.status : 'pending',
    payment_hash: hash,
    amount: 0,
    preimage: settled?.preimage ?? '',
    fees_paid: Number(settled?.fee ?? 0n),
    created_at: 0,
    settled_at: settled ? seconds(Date.now()) : null,
  }
}

function paid(outcome: PaymentOutcome): Answer | Refusal {
  if (outcome.status === 'settled') return ok({ preimage: outcome.preimage, fees_paid: Number(outcome.fee) })
  if (outcome.status !== 'failed') return refusal('INTERNAL', 'the payment is on its way yet')
  const code = outcome.reason === 'balance-insufficient' ? 'INSUFFICIENT_BALANCE' : 'PAYMENT_FAILED'
  return refusal(code, outcome.reason.replace('-', ' '))
}
