import type { GoodName } from './goods.ts'

/** What processes are started with and asked, all of it JSON. */
export interface SellerOrder {
  readonly role: 'seller'
  /** `embedded:HOME:NAME` or an LND's spec. */
  readonly node: string
  /** Where its ledger and its log are. */
  readonly folder: string
  readonly port: number
  readonly secret: string
}

export interface BuyerOrder {
  readonly role: 'buyer'
  readonly node: string
  readonly folder: string
  /** Where the seller is reached: through the wire. */
  readonly url: string
  readonly ahead: string
  readonly maxFeePercent: number
  readonly goods: readonly GoodName[]
  readonly seed: number
}

export type Order = SellerOrder | BuyerOrder

/** What a seller's ledger and its node say at one instant: settlements up to the ledger's index. Amounts in msat. */
export interface Books {
  readonly index: string
  /** Agreement → what the ledger says was paid. */
  readonly paid: Readonly<Record<string, string>>
  readonly settlements: ReadonlyArray<{ readonly index: string; readonly hash: string; readonly amount: string }>
}

/** What a process can be asked. */
export interface Questions {
  /** The node's public key, and what its channels can receive while nothing is in flight. */
  balance: { readonly asks: undefined; readonly answers: { readonly publicKey: string; readonly canReceive: string } }
  /** Seller: its books of these agreements. */
  books: { readonly asks: readonly string[]; readonly answers: Books }
  /** Buyer, embedded: a channel to this node, ahead of need. */
  connect: { readonly asks: string; readonly answers: null }
  /** Buyer, embedded: holds payments back for so many ms. */
  hold: { readonly asks: number; readonly answers: null }
  /** Buyer: begins its streams. */
  begin: { readonly asks: undefined; readonly answers: null }
  /** Buyer: what each of its streams got in this life, in steps. */
  progress: { readonly asks: undefined; readonly answers: Readonly<Record<string, number>> }
  /** Buyer: ends its streams, follows what is open, closes all agreements, takes back what is left. Answers what stays open. */
  finish: { readonly asks: undefined; readonly answers: readonly string[] }
  /** Ends the process in order. */
  close: { readonly asks: undefined; readonly answers: null }
}

export type Question = keyof Questions
