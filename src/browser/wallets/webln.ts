import { StreamError } from '../../errors/error.ts'
import type {
  Invoice,
  InvoiceRequest,
  NodeInfo,
  OutgoingPayment,
  PayingNode,
  PaymentOutcome,
} from '../../lightning/node.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import type { WebLn } from './find.ts'
import { outcomeOf, walletInfo } from './wallet.ts'

/** Payments whose outcome is remembered; the oldest go first. */
const MAX_REMEMBERED = 1000

/**
 * A WebLN wallet as a node that pays. WebLN has no word for the network, for the cap on routing, or for what became of a payment: the
 * wallet itself refuses an invoice of another network; routing counts as nothing; and a payment that was cut short by the end of the page stays
 * of unknown outcome, which counts as spent. A payment is settled when its preimage opens its hash, whatever the wallet says.
 * @param network the one that the wallet is on: the seller's is held against it
 * @throws StreamError `node-unreachable` if the wallet refuses this page
 */
export async function openWebLn(webln: WebLn, network: Network): Promise<PayingNode> {
  try {
    await webln.enable()
    const { node } = await webln.getInfo()
    return new WebLnNode(webln, network, node?.pubkey ?? '', node?.alias ?? 'WebLN')
  } catch (error) {
    throw new StreamError('node-unreachable', 'the wallet of this browser does not answer this page', {}, error)
  }
}

class WebLnNode implements PayingNode {
  readonly #webln: WebLn
  readonly #info: NodeInfo
  readonly #payments = new Map<string, PaymentOutcome>()

  constructor(webln: WebLn, network: Network, publicKey: string, alias: string) {
    this.#webln = webln
    this.#info = walletInfo({ kind: 'webln', network, publicKey, account: `webln:${publicKey}`, alias })
  }

  async info(): Promise<NodeInfo> {
    return this.#info
  }

  async pay({ request, timeoutMs }: OutgoingPayment): Promise<PaymentOutcome> {
    const { paymentHash } = decodeInvoice(request)
    const known = this.#payments.get(paymentHash)
    if (known) return known
    this.#note(paymentHash, { status: 'pending' })
    const end = this.#send(request, paymentHash).then((outcome) => {
      this.#note(paymentHash, outcome)
      return outcome
    })
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<PaymentOutcome>((resolve) => {
      timer = setTimeout(() => resolve({ status: 'pending' }), timeoutMs)
    })
    return Promise.race([end, late]).finally(() => clearTimeout(timer))
  }

  /** @throws StreamError `node-unable` for one of an earlier page: only the wallet's own list tells */
  async lookupPayment(paymentHash: string): Promise<PaymentOutcome | undefined> {
    const known = this.#payments.get(paymentHash)
    if (!known) throw new StreamError('node-unable', 'a WebLN wallet does not tell what became of a payment')
    return known
  }

  async createInvoices(requests: readonly InvoiceRequest[]): Promise<Invoice[]> {
    const invoices: Invoice[] = []
    for (const { amount, description } of requests) {
      if (!this.#webln.makeInvoice || amount === 'any')
        throw new StreamError('node-unable', 'this wallet makes no invoices')
      // WebLN counts whole satoshi: what is less stays with the seller.
      const request = { amount: Number(amount / 1000n), defaultMemo: description }
      const { paymentRequest } = await this.#webln.makeInvoice(request)
      invoices.push({ request: paymentRequest, paymentHash: decodeInvoice(paymentRequest).paymentHash })
    }
    return invoices
  }

  /** WebLN tells of no arrival: what came back is for the wallet to show. */
  async lookupInvoice(): Promise<Msat | undefined> {
    return undefined
  }

  #send(request: string, paymentHash: string): Promise<PaymentOutcome> {
    const paying = async () => ({ preimage: (await this.#webln.sendPayment(request)).preimage, fee: ZERO })
    return outcomeOf(paymentHash, paying())
  }

  #note(paymentHash: string, outcome: PaymentOutcome): void {
    this.#payments.set(paymentHash, outcome)
    if (this.#payments.size > MAX_REMEMBERED) this.#payments.delete(this.#payments.keys().next().value!)
  }
}
