import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { openUnlessAborted } from '../../errors/aborted.ts'
import { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import {
  type Invoice,
  type InvoiceRecord,
  type InvoiceRequest,
  type LightningNode,
  MAX_LISTED,
  type NodeInfo,
  type OutgoingKeysend,
  type OutgoingPayment,
  type PaymentOutcome,
  type Settlement,
} from '../node.ts'
import type { EmbeddedChannel } from './calls.ts'
import { WorkerHost } from './host.ts'
import { lockDirectory } from './lock.ts'
import { SettlementFeed } from './settlements.ts'

export interface EmbeddedOptions {
  /** State directory of this machine's private chain. Nodes that share it find and can pay each other. */
  readonly home: string
  /** The node's name within `home`, such as `seller` or `buyer`: letters, digits, `-` and `_`. */
  readonly name: string
  /** What the node calls itself. Default: its name. */
  readonly alias?: string
  /** Capacity of the channels it opens, in satoshi: 100 000 to 16 777 215. Default 16 000 000. Half of it starts with the peer. */
  readonly channelSat?: bigint
  /** Only `regtest`, which is the default: LDK 0.1.0 in WASM is for private chains, where money is free. */
  readonly network?: 'regtest'
  /** WASM memory above which the node restarts from its disk between payments, in MiB. Default 700; LDK ends at 4096. */
  readonly memoryLimitMiB?: number
  /** Receives LDK's warnings and errors. Nobody does by default. */
  readonly log?: (line: string) => void
  /** Calls the opening off: it rejects with the signal's reason, and what opens after that is closed at once. None by default. */
  readonly signal?: AbortSignal
}

/** A Lightning node that lives in this process, on a private chain of this machine. */
export interface EmbeddedNode extends LightningNode {
  /**
   * Makes sure of a usable channel to another embedded node of the same `home`. `pay` does so by itself; this does it
   * ahead of time.
   * @throws StreamError `node-unreachable` when no such node runs
   */
  openChannelTo(publicKey: string): Promise<void>
  channels(): Promise<EmbeddedChannel[]>
  /** While paused, no payment is sent: `pay` waits, up to its timeout. For demonstrations and tests of what happens then. */
  pausePayments(paused: boolean): Promise<void>
  /** Starts the node anew from its disk, as it does by itself when its memory has grown. Calls wait meanwhile. */
  recycle(): Promise<void>
}

/** The file beside this one, whether the sources run or what was compiled from them. */
const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
const DEFAULT_CHANNEL_SAT = 16_000_000n
const MIN_CHANNEL_SAT = 100_000n
/** BOLT 2's limit without `option_support_large_channel`. */
const MAX_CHANNEL_SAT = 16_777_215n
const DEFAULT_MEMORY_LIMIT_MIB = 700
const MIB = 1024 * 1024

/**
 * Starts an embedded node, creating it and the private chain on first use.
 * @throws StreamError `network-refused`, `option-invalid`, `node-busy`, `node-corrupt`, `disk-full`, `node-unreachable`,
 *   `node-library-missing`
 * @example
 * const seller = await createEmbeddedNode({ home: '/tmp/net', name: 'seller' })
 * const buyer = await createEmbeddedNode({ home: '/tmp/net', name: 'buyer' })
 * const [invoice] = await seller.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }])
 * await buyer.pay({ request: invoice.request, maxFee: ZERO, timeoutMs: 10_000 })
 */
export function createEmbeddedNode(options: EmbeddedOptions): Promise<EmbeddedNode> {
  return openUnlessAborted(open(options), options.signal)
}

async function open(options: EmbeddedOptions): Promise<EmbeddedNode> {
  options.signal?.throwIfAborted()
  assertUsable(options)
  const directory = join(options.home, 'nodes', options.name)
  const unlock = lockDirectory(directory)
  const node = new WorkerNode(options, directory, unlock)
  try {
    await node.open()
    return node
  } catch (error) {
    unlock()
    throw error
  }
}

function assertUsable({ network, name, channelSat = DEFAULT_CHANNEL_SAT }: EmbeddedOptions): void {
  // The type allows nothing else, but a configuration file may.
  if (network !== undefined && network !== 'regtest') {
    throw new StreamError('network-refused', `the embedded node does not run on ${network}: it is for private chains`)
  }
  if (!/^[\w-]{1,40}$/.test(name)) throw new StreamError('option-invalid', `"${name}" is not a name for a node`)
  if (channelSat < MIN_CHANNEL_SAT || channelSat > MAX_CHANNEL_SAT) {
    throw new StreamError('option-invalid', `a channel holds ${MIN_CHANNEL_SAT} to ${MAX_CHANNEL_SAT} sat`)
  }
}

class WorkerNode implements EmbeddedNode {
  readonly #host: WorkerHost
  readonly #unlock: () => void
  readonly #feeds = new Set<SettlementFeed>()
  #paused = false
  /** Hashes of payments that were asked for and given up on this side: no worker will be asked for them again. */
  readonly #dropped = new Set<string>()
  #closing: Promise<void> | undefined

  constructor(options: EmbeddedOptions, directory: string, unlock: () => void) {
    const { home, name, alias = name, channelSat = DEFAULT_CHANNEL_SAT, log } = options
    this.#unlock = unlock
    this.#host = new WorkerHost({
      url: WORKER_URL,
      memoryLimit: (options.memoryLimitMiB ?? DEFAULT_MEMORY_LIMIT_MIB) * MIB,
      start: () => ({
        chainPath: join(home, 'chain.db'),
        directory,
        alias,
        channelSat,
        paused: this.#paused,
        logs: log !== undefined,
      }),
      onReady: () => this.#eachFeed((feed) => feed.readUp()),
      onSettled: (settlements) => this.#eachFeed((feed) => feed.hear(settlements)),
      onTrouble: (error) => this.#eachFeed((feed) => feed.fail(error)),
      onEnd: (error) => this.#eachFeed((feed) => feed.fail(error)),
      log,
    })
  }

  open(): Promise<void> {
    return this.#host.open()
  }

  info(): Promise<NodeInfo> {
    return this.#host.call('info')
  }

  createInvoices(requests: readonly InvoiceRequest[]): Promise<Invoice[]> {
    return this.#host.call('createInvoices', requests)
  }

  pay(payment: OutgoingPayment): Promise<PaymentOutcome> {
    return this.#outcomeOf(this.#host.call('pay', payment), () => decodeInvoice(payment.request).paymentHash)
  }

  keysend(payment: OutgoingKeysend): Promise<PaymentOutcome> {
    const hash = () => createHash('sha256').update(payment.preimage, 'hex').digest('hex')
    return this.#outcomeOf(this.#host.call('keysend', payment), hash)
  }

  async lookupPayment(paymentHash: string): Promise<PaymentOutcome | undefined> {
    const outcome = await this.#host.call('lookupPayment', paymentHash)
    if (outcome || !this.#dropped.has(paymentHash)) return outcome
    return { status: 'failed', reason: 'payment-failed', detail: 'the node stopped before the payment was on its way' }
  }

  lookupInvoice(paymentHash: string): Promise<Msat | undefined> {
    return this.#host.call('lookupInvoice', paymentHash)
  }

  findInvoice(paymentHash: string): Promise<InvoiceRecord | undefined> {
    return this.#host.call('findInvoice', paymentHash)
  }

  listInvoices({ limit }: { readonly limit: number }): Promise<InvoiceRecord[]> {
    return this.#host.call('listInvoices', Math.min(Math.max(0, Math.floor(limit)), MAX_LISTED))
  }

  subscribeSettlements(
    since: bigint,
    onSettled: (settlement: Settlement) => void,
    onError: (error: Error) => void,
  ): () => void {
    const read = (place: bigint) => this.#host.call('settlementsAfter', place)
    const feed = new SettlementFeed(since, read, onSettled, onError)
    this.#feeds.add(feed)
    feed.readUp()
    return () => {
      feed.end()
      this.#feeds.delete(feed)
    }
  }

  signMessage(text: string): Promise<string> {
    return this.#host.call('signMessage', text)
  }

  openChannelTo(publicKey: string): Promise<void> {
    return this.#host.call('openChannelTo', publicKey)
  }

  channels(): Promise<EmbeddedChannel[]> {
    return this.#host.call('channels')
  }

  async pausePayments(paused: boolean): Promise<void> {
    this.#paused = paused
    await this.#host.call('pausePayments', paused)
  }

  recycle(): Promise<void> {
    return this.#host.recycle()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#eachFeed((feed) => feed.end())
    this.#feeds.clear()
    await this.#host.close()
    this.#unlock()
  }

  async #outcomeOf(sending: Promise<PaymentOutcome>, hash: () => string): Promise<PaymentOutcome> {
    try {
      return await sending
    } catch (error) {
      // The node ended while it had the payment, or before it: `lookupPayment` knows once it runs again.
      try {
        this.#dropped.add(hash())
      } catch {
        // Not an invoice, and so not a payment.
      }
      return { status: 'unknown', detail: (error as Error).message }
    }
  }

  #eachFeed(action: (feed: SettlementFeed) => void): void {
    for (const feed of this.#feeds) action(feed)
  }
}
