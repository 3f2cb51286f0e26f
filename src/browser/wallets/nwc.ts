import { unlessAborted } from '../../errors/aborted.ts'
import { StreamError } from '../../errors/error.ts'
import type {
  Invoice,
  InvoiceRequest,
  NodeInfo,
  OutgoingPayment,
  PayingNode,
  PaymentOutcome,
} from '../../lightning/node.ts'
import { parseConnection } from '../../lightning/nwc/connection.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { NwcLink } from './nwcLink.ts'
import { opens, outcomeOf, walletInfo } from './wallet.ts'

/** What a wallet says of itself, and of an invoice or a payment: read with care, as anybody's word. */
interface Info {
  readonly pubkey?: string
  readonly alias?: string
  readonly network: Network
}
interface Found {
  readonly type: string
  readonly state?: string
  readonly settled_at?: number
  readonly preimage?: string
  readonly amount?: number
  readonly fees_paid?: number
}

/** For a payment, and for whatever else a wallet is asked. */
const PAY_MS = 60_000
const ANSWER_MS = 20_000

const NETWORKS: readonly string[] = ['mainnet', 'testnet', 'signet', 'regtest', 'simnet']

/**
 * A wallet behind Nostr Wallet Connect, in a browser. Loaded on its own, because most pages do not need it.
 * @param connection `nostr+walletconnect://…`: who has it spends, so it is kept in memory and nowhere else
 * @throws StreamError `node-unreachable`; the signal's reason
 */
export async function openNwc(connection: string, signal?: AbortSignal): Promise<PayingNode> {
  let link: NwcLink | undefined
  try {
    const known = parseConnection(connection, 'this page')
    link = new NwcLink(known)
    const info = (await unlessAborted(link.request('get_info', {}, ANSWER_MS), signal)) as Info
    if (!NETWORKS.includes(info.network)) throw new Error('the wallet names no network that is known')
    return new NwcNode(link, known.wallet, info)
  } catch (error) {
    link?.close()
    signal?.throwIfAborted()
    throw new StreamError('node-unreachable', 'the wallet does not answer through its relay', {}, error)
  }
}

class NwcNode implements PayingNode {
  readonly #link: NwcLink
  readonly #info: NodeInfo
  readonly #sent = new Map<string, Promise<PaymentOutcome>>()

  constructor(link: NwcLink, wallet: string, { pubkey = '', alias, network }: Info) {
    this.#link = link
    const name = alias || 'Nostr Wallet Connect'
    this.#info = walletInfo({ kind: 'nwc', network, publicKey: pubkey, account: `nwc:${wallet}`, alias: name })
  }

  async info(): Promise<NodeInfo> {
    return this.#info
  }

  pay({ request }: OutgoingPayment): Promise<PaymentOutcome> {
    const { paymentHash } = decodeInvoice(request)
    const payment = this.#sent.get(paymentHash) ?? this.#send(request, paymentHash)
    this.#sent.set(paymentHash, payment)
    return payment
  }

  #send(request: string, paymentHash: string): Promise<PaymentOutcome> {
    const paying = async () => {
      const paid = (await this.#link.request('pay_invoice', { invoice: request }, PAY_MS)) as Partial<Found> | undefined
      return { preimage: paid?.preimage, fee: amountOf(paid?.fees_paid) }
    }
    return outcomeOf(paymentHash, paying())
  }

  async lookupPayment(paymentHash: string): Promise<PaymentOutcome | undefined> {
    const found = await this.#find(paymentHash)
    if (found.type === 'incoming') return undefined
    const { preimage } = found
    if (preimage && opens(preimage, paymentHash)) return { status: 'settled', preimage, fee: amountOf(found.fees_paid) }
    if (found.state === 'failed' || found.state === 'expired') {
      return { status: 'failed', reason: 'payment-failed', detail: 'the wallet says that it failed' }
    }
    return { status: 'pending' }
  }

  async createInvoices(requests: readonly InvoiceRequest[]): Promise<Invoice[]> {
    const made: Invoice[] = []
    for (const { amount, description, expiresInSeconds: expiry } of requests) {
      if (amount === 'any') throw new StreamError('node-unable', 'a wallet behind NWC makes invoices of an amount only')
      const order = { amount: Number(amount), description, expiry }
      const { invoice } = (await this.#link.request('make_invoice', order, ANSWER_MS)) as { readonly invoice: string }
      made.push({ request: invoice, paymentHash: decodeInvoice(invoice).paymentHash })
    }
    return made
  }

  async lookupInvoice(paymentHash: string): Promise<Msat | undefined> {
    const found = await this.#find(paymentHash)
    const settled = found.type !== 'outgoing' && (found.state === 'settled' || (found.settled_at ?? 0) > 0)
    return settled ? amountOf(found.amount) : undefined
  }

  async #find(paymentHash: string): Promise<Found> {
    return (await this.#link.request('lookup_invoice', { payment_hash: paymentHash }, ANSWER_MS)) as Found
  }
}

const amountOf = (amount: number | undefined): Msat =>
  Number.isSafeInteger(amount) && amount! > 0 ? msat(BigInt(amount!)) : ZERO
