import { randomBytes } from 'node:crypto'
import * as ldk from 'lightningdevkit'
import type { StreamError } from '../../../errors/error.ts'
import { type Msat, msat } from '../../../money/msat.ts'
import type { Settlement } from '../../node.ts'
import { toHex } from '../chain/bytes.ts'
import type { Chain } from '../chain/chain.ts'
import type { PaymentRecord } from '../state/payments.ts'
import type { Arrival, StateStore } from '../state/store.ts'
import { Callbacks } from './callbacks.ts'
import { makeManager, makeParts, type Parts } from './restore.ts'
import { someBytes, someU64 } from './results.ts'
import { Transport } from './transport.ts'

/** What LDK says of an outgoing payment. */
export type PaymentNews =
  | { readonly paymentHash: string; readonly preimage: string; readonly fee: Msat }
  | { readonly paymentHash: string; readonly reason: ldk.PaymentFailureReason | undefined }

export interface NodeHooks {
  /** Called inside a turn. What it returns is written with the turn; it must not tell anyone before `onTurn`. */
  onPayment(news: PaymentNews): PaymentRecord | undefined
  /** Called once the settlements are on disk. */
  onSettled(settlements: readonly Settlement[]): void
  /** Called after every turn. */
  onTurn(): void
  /** A connection ended. */
  onDisconnect(): void
  /** The node has stopped: what it would do next is not written, and must not be done. */
  onFatal(error: unknown): void
  /** A peer has shown that it knows more of a channel than this node; LDK ends the thread next. */
  onOutdated(error: StreamError): void
  log?: ((line: string) => void) | undefined
}

/** Rounds within one turn. More would keep sockets and calls waiting. */
const MAX_ROUNDS = 8

/**
 * An LDK node in this thread. It works in turns: take events, write everything that changed in one transaction, and only
 * then let peers and callers know. A process that is killed at any instant has told nobody of what it forgets.
 */
export class LdkNode {
  readonly manager: ldk.ChannelManager
  readonly peers: ldk.PeerManager
  readonly transport: Transport
  readonly publicKey: string
  readonly parts: Parts
  readonly #store: StateStore
  readonly #chain: Chain
  readonly #hooks: NodeHooks
  readonly #callbacks: Callbacks
  readonly #managerEvents: ldk.EventsProvider
  readonly #monitorEvents: ldk.EventsProvider
  readonly #managerListen: ldk.Listen
  readonly #monitorListen: ldk.Listen
  #settled: Arrival[] = []
  #payments: PaymentRecord[] = []
  #scheduled = false
  #stopped = false
  #height: number

  /** @throws StreamError `node-corrupt` */
  constructor(store: StateStore, chain: Chain, hooks: NodeHooks) {
    this.#store = store
    this.#chain = chain
    this.#hooks = hooks
    this.#callbacks = new Callbacks(hooks.onOutdated, hooks.log)
    const { logger } = this.#callbacks
    this.parts = makeParts(store.seed(), this.#callbacks)
    this.manager = makeManager(this.parts, store, chain)
    this.#height = this.manager.current_best_block().get_height()
    this.publicKey = toHex(this.manager.get_our_node_id())
    this.#managerEvents = this.manager.as_EventsProvider()
    this.#monitorEvents = this.parts.chainMonitor.as_EventsProvider()
    this.#managerListen = this.manager.as_Listen()
    this.#monitorListen = this.parts.chainMonitor.as_Listen()
    const ignore = ldk.IgnoringMessageHandler.constructor_new()
    const gossip = ldk.P2PGossipSync.constructor_new(
      this.parts.graph,
      ldk.Option_UtxoLookupZ.constructor_none(),
      logger,
    )
    this.peers = ldk.PeerManager.constructor_new(
      this.manager.as_ChannelMessageHandler(),
      gossip.as_RoutingMessageHandler(),
      ignore.as_OnionMessageHandler(),
      ignore.as_CustomMessageHandler(),
      Math.floor(chain.tipTimeMs / 1000),
      randomBytes(32),
      logger,
      this.parts.nodeSigner,
    )
    this.transport = new Transport(this.peers, () => this.wake(), hooks.onDisconnect)
  }

  /** Resumes what an earlier run left undone. */
  start(): void {
    this.publish()
    this.turn()
  }

  /** Asks for a turn soon. Calls in one go of the event loop share a turn, and with it a write. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.turn()
    })
  }

  /** Has an outgoing payment's state written with the next turn. */
  record(record: PaymentRecord): void {
    this.#payments.push(record)
    this.wake()
  }

  /** Shows LDK the blocks it has not seen. */
  connectBlocks(): void {
    for (;;) {
      const blocks = this.#chain.blocksAfter(this.#height)
      if (blocks.length === 0) return
      for (const { raw, height } of blocks) {
        this.#managerListen.block_connected(raw, height)
        this.#monitorListen.block_connected(raw, height)
        this.#height = height
      }
      this.wake()
    }
  }

  turn(): void {
    if (this.#stopped) return
    try {
      let rounds = 0
      do this.#round()
      while (this.transport.refill() && ++rounds < MAX_ROUNDS)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#hooks.onTurn()
  }

  /** Takes the last turn and lets go of the peers. */
  stop(): void {
    if (this.#stopped) return
    this.turn()
    this.#stopped = true
    this.peers.disconnect_all_peers()
    this.transport.close()
  }

  #fail(error: unknown): void {
    this.#stopped = true
    this.transport.close()
    this.#hooks.onFatal(error)
  }

  #round(): void {
    this.#takeEvents()
    this.#commit()
    this.peers.process_events()
    // Pulling messages may itself advance a channel (holding cells are freed there). What it made waits in the
    // transport's queue: it is written before that leaves, and looked at again for events.
    if (this.#commit()) this.wake()
    this.transport.flush()
  }

  #takeEvents(): void {
    for (let more = true; more; ) {
      this.#managerEvents.process_pending_events(this.#callbacks.eventHandler)
      this.#monitorEvents.process_pending_events(this.#callbacks.eventHandler)
      const events = this.#callbacks.takeEvents()
      for (const event of events) this.#handle(event)
      more = events.length > 0
    }
  }

  /** Writes what changed, if anything did. */
  #commit(): boolean {
    const { fault, hasWrites } = this.#callbacks
    if (fault !== undefined) throw fault
    const isDirty = this.manager.get_and_clear_needs_persistence()
    if (!isDirty && !hasWrites && this.#payments.length === 0 && this.#settled.length === 0) return false
    const broadcasts = this.#callbacks.takeBroadcasts()
    const settlements = this.#store.commit({
      manager: this.manager.write(),
      monitors: this.#callbacks.takeMonitors(),
      broadcasts,
      settled: this.#settled,
      payments: this.#payments,
    })
    this.#settled = []
    this.#payments = []
    if (settlements.length > 0) this.#hooks.onSettled(settlements)
    if (broadcasts.length > 0) this.publish()
    return true
  }

  /** Publishes the transactions that are on disk for it. What the chain refuses, LDK makes again when it may pass. */
  publish(): void {
    for (const raw of this.#store.broadcasts()) {
      const submission = this.#chain.publish(raw)
      if ('refused' in submission) this.#hooks.log?.(`the chain refuses a transaction: ${submission.refused}`)
    }
    this.#store.published()
    this.connectBlocks()
  }

  #handle(event: ldk.Event): void {
    if (event instanceof ldk.Event_PendingHTLCsForwardable) this.manager.process_pending_htlc_forwards()
    else if (event instanceof ldk.Event_PaymentClaimable) this.#claim(event)
    else if (event instanceof ldk.Event_PaymentClaimed) {
      const isKeysend = event.purpose instanceof ldk.PaymentPurpose_SpontaneousPayment
      this.#settled.push({ paymentHash: toHex(event.payment_hash), amount: msat(event.amount_msat), isKeysend })
    } else if (event instanceof ldk.Event_PaymentSent) {
      const fee = msat(someU64(event.fee_paid_msat) ?? 0n)
      const preimage = toHex(event.payment_preimage)
      this.#hear({ paymentHash: toHex(event.payment_hash), preimage, fee })
    } else if (event instanceof ldk.Event_PaymentFailed) {
      const reason = event.reason instanceof ldk.Option_PaymentFailureReasonZ_Some ? event.reason.some : undefined
      this.#hear({ paymentHash: toHex(event.payment_id), reason })
    } else if (event instanceof ldk.Event_FundingGenerationReady) this.#fund(event)
    else if (event instanceof ldk.Event_ChannelClosed) {
      this.#hooks.log?.(`channel ${toHex(event.channel_id.get_a())} closed: ${event.reason.constructor.name}`)
    }
  }

  #hear(news: PaymentNews): void {
    const record = this.#hooks.onPayment(news)
    if (record) this.#payments.push(record)
  }

  /** Takes a payment of one of our invoices, and one that brings its preimage; anything else goes back to its sender. */
  #claim({ payment_hash: hash, purpose }: ldk.Event_PaymentClaimable): void {
    const preimage = preimageOf(purpose)
    if (preimage && !this.#store.isSettled(toHex(hash))) this.manager.claim_funds(preimage)
    else this.manager.fail_htlc_backwards(hash)
  }

  #fund(event: ldk.Event_FundingGenerationReady): void {
    const { temporary_channel_id: id, counterparty_node_id: peer } = event
    const transaction = this.#chain.fund(event.output_script, event.channel_value_satoshis)
    const isFunded = transaction && this.manager.funding_transaction_generated(id, peer, transaction).is_ok()
    if (isFunded) return
    // The peer went away meanwhile, or the faucet is dry. It takes a coin back that was not used after a minute.
    this.manager.force_close_without_broadcasting_txn(id, peer, 'not funded')
    this.#hooks.log?.('a channel was given up before it was funded')
  }
}

function preimageOf(purpose: ldk.PaymentPurpose): Uint8Array | undefined {
  if (purpose instanceof ldk.PaymentPurpose_SpontaneousPayment) return purpose.spontaneous_payment
  return purpose instanceof ldk.PaymentPurpose_Bolt11InvoicePayment ? someBytes(purpose.payment_preimage) : undefined
}
