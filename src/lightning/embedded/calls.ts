import type { Msat } from '../../money/msat.ts'
import type {
  Invoice,
  InvoiceRecord,
  InvoiceRequest,
  NodeInfo,
  OutgoingKeysend,
  OutgoingPayment,
  PaymentOutcome,
  Settlement,
} from '../node.ts'

/** A channel of an embedded node. */
export interface EmbeddedChannel {
  readonly id: string
  /** The other side's node key. */
  readonly peer: string
  readonly capacitySat: bigint
  /** Confirmed, and the peer is connected. */
  readonly usable: boolean
  /** What can be sent now in one payment. */
  readonly canSend: Msat
  readonly canReceive: Msat
}

/** What the main thread asks of the worker that runs the node. All can be asked twice without harm. */
export interface NodeCalls {
  info(): NodeInfo
  createInvoices(requests: readonly InvoiceRequest[]): Invoice[]
  pay(payment: OutgoingPayment): Promise<PaymentOutcome>
  keysend(payment: OutgoingKeysend): Promise<PaymentOutcome>
  lookupPayment(paymentHash: string): PaymentOutcome | undefined
  lookupInvoice(paymentHash: string): Msat | undefined
  findInvoice(paymentHash: string): InvoiceRecord | undefined
  listInvoices(limit: number): InvoiceRecord[]
  /** The oldest settlements above `since`, a page at a time. */
  settlementsAfter(since: bigint): Settlement[]
  signMessage(text: string): string
  openChannelTo(publicKey: string): Promise<void>
  channels(): EmbeddedChannel[]
  pausePayments(paused: boolean): void
}

/** Asks the worker to write everything, let go of sockets, files and timers, and end. */
export const STOP = 'stop'

/** What the worker tells unasked. */
export type NodeNotice =
  | { readonly notice: 'ready' }
  | { readonly notice: 'settled'; readonly settlements: readonly Settlement[] }
  | { readonly notice: 'memory'; readonly bytes: number }
  | { readonly notice: 'log'; readonly line: string }
  | { readonly notice: 'fatal'; readonly error: WireError }

/** A StreamError as it crosses between threads: structured clone would keep only its message. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, string>>
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly chainPath: string
  readonly directory: string
  readonly alias: string
  readonly channelSat: bigint
  readonly paused: boolean
  readonly logs: boolean
}
