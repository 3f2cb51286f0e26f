import type { Msat } from '../money/msat.ts'
import type { Network } from '../money/network.ts'

export type { Network }

export interface NodeInfo {
  readonly kind: string
  readonly network: Network
  /** The node's identity: 66 lowercase hex digits of a compressed secp256k1 key. Invoices and statements carry it as payee. */
  readonly publicKey: string
  readonly alias: string
  /** What channels can send and receive now. Estimates: fees and reserves move. */
  readonly canSend: Msat
  readonly canReceive: Msat
}

export interface InvoiceRequest {
  readonly amount: Msat
  readonly description: string
  readonly expiresInSeconds: number
}

export interface Invoice {
  /** BOLT 11 text. */
  readonly request: string
  /** 64 lowercase hex digits. */
  readonly paymentHash: string
}

export interface OutgoingPayment {
  /** BOLT 11 text with an amount; an amountless invoice is refused. */
  readonly request: string
  /** The most to spend on routing. */
  readonly maxFee: Msat
  /** After this long no further attempt is started. The outcome may then be `unknown`, if an HTLC is still in flight. */
  readonly timeoutMs: number
}

export type PaymentFailure =
  | 'no-route'
  | 'balance-insufficient'
  | 'fee-too-high'
  | 'payment-failed'
  | 'payment-timeout'
  | 'invoice-invalid'

/** How a payment stands. Only `settled` and `failed` are final; `pending` and `unknown` count as spent. */
export type PaymentOutcome =
  | { readonly status: 'settled'; readonly preimage: string; readonly fee: Msat }
  | { readonly status: 'failed'; readonly reason: PaymentFailure; readonly detail: string }
  | { readonly status: 'pending' }
  | { readonly status: 'unknown'; readonly detail: string }

/** An invoice of this node that was paid, as the node itself recorded it. */
export interface Settlement {
  /** Grows by at least one with every settlement of this node, never reused: the place to resume a subscription from. */
  readonly index: bigint
  readonly paymentHash: string
  /** What arrived, which may exceed what was asked. */
  readonly amount: Msat
}

/**
 * A Lightning node, as little of one as Stream needs. Every backend passes `node.contract.ts`.
 * Methods reject with a StreamError of the `node-…` codes when the node itself is the trouble.
 */
export interface LightningNode {
  info(): Promise<NodeInfo>
  /** Creates invoices, in the order asked for. One round trip where the backend can. */
  createInvoices(requests: readonly InvoiceRequest[]): Promise<Invoice[]>
  /** Pays and waits for the outcome; resolves, never rejects, once the node has been asked to send. The same invoice is never paid twice. */
  pay(payment: OutgoingPayment): Promise<PaymentOutcome>
  /** What became of a payment that this node was asked to send; `undefined` if it never was. */
  lookupPayment(paymentHash: string): Promise<PaymentOutcome | undefined>
  /**
   * Calls `onSettled` once for every settlement with an index above `since`, oldest first, then live. Survives reconnects.
   * Returns the function that ends it.
   */
  subscribeSettlements(
    since: bigint,
    onSettled: (settlement: Settlement) => void,
    onError: (error: Error) => void,
  ): () => void
  /** Signs with the node's identity key: zbase32 of a recoverable signature over "Lightning Signed Message:" + text, double SHA-256, as LND's `signmessage`. */
  signMessage(text: string): Promise<string>
  close(): Promise<void>
}
