import { NWCClient } from '@getalby/sdk/nwc'
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
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { opens, outcomeOf, walletInfo } from './wallet.ts'

interface Found {
  readonly type: string
  readonly state?: string
  readonly settled_at?: number
  readonly preimage?: string
  readonly amount?: number
  readonly fees_paid?: number
}

const NETWORKS: readonly string[] = ['mainnet', 'testnet', 'signet', 'regtest', 'simnet']

/**
 * A wallet behind Nostr Wallet Connect, in a browser. Loaded on its own, because most pages do not need it.
 * @param connection `nostr+walletconnect://…`: who has it spends, so it is kept in memory and nowhere else
 * @throws StreamError `node-unreachable`; the signal's reason
 */
export async function openNwc(connection: string, signal?: AbortSignal): Promise<PayingNode> {
  let client: NWCClient | undefined
  try {
    client = new NWCClient({ nostrWalletConnectUrl: connection })
    const { pubkey, alias, network } = await unlessAborted(client.getInfo(), signal)
    if (!NETWORKS.includes(network)) throw new Error('the wallet names no network that is known')
    return new NwcNode(client, pubkey, alias || 'Nostr Wallet Connect', network as Network)
  } catch (error) {
    client?.close()
    signal?.throwIfAborted()
    throw new StreamError('node-unreachable', 'the wallet does not answer through its relay', {}, error)
  }
}

class NwcNode implements PayingNode {
  readonly #client: NWCClient
  readonly #info: NodeInfo
  readonly #sent = new Map<string, Promise<PaymentOutcome>>()

  constructor(client: NWCClient, publicKey: string, alias: string, network: Network) {
    this.#client = client
    this.#info = walletInfo({ kind: 'nwc', network, publicKey, account: `nwc:${client.walletPubkey}`, alias })
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
      const { preimage, fees_paid: fee } = await this.#client.payInvoice({ invoice: request })
      return { preimage, fee: amountOf(fee) }
    }
    return outcomeOf(paymentHash, paying())
  }

  async lookupPayment(paymentHash: string): Promise<PaymentOutcome | undefined> {
    const found: Found = await this.#client.lookupInvoice({ payment_hash: paymentHash })
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
      const { invoice } = await this.#client.makeInvoice({ amount: Number(amount), description, expiry })
      made.push({ request: invoice, paymentHash: decodeInvoice(invoice).paymentHash })
    }
    return made
  }

  async lookupInvoice(paymentHash: string): Promise<Msat | undefined> {
    const found: Found = await this.#client.lookupInvoice({ payment_hash: paymentHash })
    const settled = found.type !== 'outgoing' && (found.state === 'settled' || (found.settled_at ?? 0) > 0)
    return settled ? amountOf(found.amount) : undefined
  }
}

const amountOf = (amount: number | undefined): Msat =>
  Number.isSafeInteger(amount) && amount! > 0 ? msat(BigInt(amount!)) : ZERO
