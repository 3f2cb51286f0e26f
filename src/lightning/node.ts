import type { Msat } from '../money/msat.ts'
import type { Network } from '../money/network.ts'

export type { Network }

/** Who a node is, and what it can do: the same for as long as it is open. */
export type NodeIdentity = Omit<NodeInfo, 'canSend' | 'canReceive'>

export interface NodeInfo {
  readonly kind: string
  readonly network: Network
  /** The node's identity: 66 lowercase hex digits of a compressed secp256k1 key. Invoices and statements carry it as payee. */
  readonly publicKey: string
  readonly alias: string
  /**
   * Tells wallets apart that share a node, as those of one service do: what became of a payment is for the one that sent it to say. Absent
   * where the node is one wallet.
   */
  readonly account?: string
  /** What channels can send and receive now. Estimates: fees and reserves move. */
  readonly canSend: Msat
  readonly canReceive: Msat
  readonly abilities: NodeAbilities
}

/** What a node can do, where kinds of nodes differ. */
export interface NodeAbilities {
  /** Signs with its identity key. A wallet behind Nostr Wallet Connect may not. */
  readonly sign: boolean
  /** Whether it tells of a settlement by itself, or has to be asked again and again. */
  readonly settlements: 'pushed' | 'polled'
  /** Sends without an invoice. */
  readonly keysend: boolean
  /** Makes invoices that take any amount. */
  readonly anyAmount: boolean
}

export interface InvoiceRequest {
  /** `any`: the payer chooses. Never a default, since that may be nothing. */
  readonly amount: Msat | 'any'
  readonly description: string
  readonly expiresInSeconds: number
}

export interface Invoice {
  /** BOLT 11 text. */
  readonly request: string
  /** 64 lowercase hex digits. */
  readonly paymentHash: string
}

/** An invoice of this node, as the node itself keeps it. */
export interface InvoiceRecord {
  /** BOLT 11 text; empty for a keysend, which arrived without one. */
  readonly request: string
  readonly paymentHash: string
  /** What was asked for; absent where the payer chose. */
  readonly amount?: Msat
  /** What arrived: zero until it is settled. */
  readonly received: Msat
  /** `canceled`: by the node, before its time was up. One that is being paid is `open` still. */
  readonly status: 'open' | 'settled' | 'expired' | 'canceled'
  /** Of an invoice this node's own words; of a keysend a payer's: never to be shown unescaped. */
  readonly description: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly settledAtMs?: number
}

export interface OutgoingPayment {
  /** BOLT 11 text. */
  readonly request: string
  /** For an invoice that leaves the amount to the payer, and only for one: any other is refused with it, and such a one without. */
  readonly amount?: Msat
  /** The most to spend on routing. */
  readonly maxFee: Msat
  /** After this long no further attempt is started. The outcome may then be `unknown`, if an HTLC is still in flight. */
  readonly timeoutMs: number
}

/** A payment without an invoice: the payer makes the preimage and sends it along (TLV record 5482373484). */
export interface OutgoingKeysend {
  /** Of the payee: 66 lowercase hex digits. */
  readonly publicKey: string
  readonly amount: Msat
  readonly maxFee: Msat
  readonly timeoutMs: number
  /**
   * 64 hex digits, random. Made by the caller, who has written its SHA-256 down before: by that hash the payment is looked up, and
   * a second call with the same preimage sends nothing more.
   */
  readonly preimage: string
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

/** So many invoices are listed at once, whatever is asked for. */
export const MAX_LISTED = 1000

/** What of a node a buyer needs: a wallet in a browser has no more. */
export type PayingNode = Pick<
  LightningNode,
  'identity' | 'info' | 'pay' | 'lookupPayment' | 'createInvoices' | 'lookupInvoice'
>

/**
 * A Lightning node, as little of one as Stream needs. Every backend passes `node.contract.ts`.
 * Methods reject with a StreamError of the `node-…` codes when the node itself is the trouble.
 */
export interface LightningNode {
  /** Where the node said it when it was opened: a buyer then asks nothing before its first payment. */
  readonly identity?: NodeIdentity
  info(): Promise<NodeInfo>
  /** Creates invoices, in the order asked for. One round trip where the backend can. */
  createInvoices(requests: readonly InvoiceRequest[]): Promise<Invoice[]>
  /** Pays and waits for the outcome; resolves, never rejects, once the node has been asked to send. The same invoice is never paid twice. */
  pay(payment: OutgoingPayment): Promise<PaymentOutcome>
  /**
   * Pays a node that gave no invoice, and waits for the outcome, as `pay` does. The same preimage is never sent twice.
   * @throws StreamError `node-unable` by a node whose `abilities.keysend` is false
   */
  keysend(payment: OutgoingKeysend): Promise<PaymentOutcome>
  /** What became of a payment that this node was asked to send; `undefined` if it never was. */
  lookupPayment(paymentHash: string): Promise<PaymentOutcome | undefined>
  /** What arrived for an invoice of this node; `undefined` while nothing has settled, and for one that is not this node's. */
  lookupInvoice(paymentHash: string): Promise<Msat | undefined>
  /** An invoice of this node, however it stands; `undefined` for one that it does not have, or has forgotten unpaid. */
  findInvoice(paymentHash: string): Promise<InvoiceRecord | undefined>
  /** The invoices made last, newest first, with the keysends that arrived: at most `limit`, and never more than `MAX_LISTED`. */
  listInvoices(options: { readonly limit: number }): Promise<InvoiceRecord[]>
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
