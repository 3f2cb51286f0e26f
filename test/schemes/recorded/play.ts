import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { ScriptedNode } from '../../../src/lightning/testing/scripted.ts'
import { type Msat, msat } from '../../../src/money/msat.ts'
import { type RunningServer, serve } from '../../../src/seller/adapters/node.ts'
import { decodeInvoice } from '../../../src/wire/bolt11.ts'
import { parseAnyCredential } from '../../../src/wire/credential.ts'

interface Exchange {
  readonly path: string
  /** As JSON; `null` for a request without one. */
  readonly credential: { readonly challenge: object; readonly payload: { readonly action?: string } } | null
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The body, parted where the server waited for a deposit. */
  readonly parts: readonly string[]
}

export interface Recorded {
  readonly name: string
  readonly atMs: number
  readonly path: string
  readonly times: number
  readonly payments: ReadonlyArray<{ readonly invoice: string; readonly preimage: string; readonly amount: string }>
  /** Return invoices that the buyer made, and what came back by them. */
  readonly refunds: ReadonlyArray<{ readonly invoice: string; readonly amount: string }>
  readonly exchanges: readonly Exchange[]
}

/** The trades of a file beside this one. */
export const recorded = (file: string): readonly Recorded[] =>
  (JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as { trades: Recorded[] }).trades

/** A buyer's node that pays and makes the invoices of a record, and no others. */
export class RecordedNode extends ScriptedNode {
  readonly paid: string[] = []
  readonly #trade: Recorded
  #made = 0

  constructor(trade: Recorded) {
    super()
    this.#trade = trade
    this.script = ({ request }) => {
      const payment = trade.payments.find(({ invoice }) => invoice === request)
      if (!payment) return { status: 'failed', reason: 'no-route', detail: 'not in the record' }
      this.paid.push(request)
      return { status: 'settled', preimage: payment.preimage, fee: msat(0n) }
    }
  }

  override async createInvoices() {
    const { invoice } = this.#trade.refunds[this.#made++]!
    return [{ request: invoice, paymentHash: decodeInvoice(invoice).paymentHash }]
  }

  override async lookupInvoice(hash: string): Promise<Msat | undefined> {
    const refund = this.#trade.refunds.find(({ invoice }) => decodeInvoice(invoice).paymentHash === hash)
    return refund && msat(BigInt(refund.amount))
  }
}

/** A server that answers as another did, in that order, to whoever says what was said then. */
export class RecordedServer {
  readonly left: Exchange[]
  readonly #events = new EventTarget()
  #server: RunningServer | undefined

  constructor(trade: Recorded) {
    this.left = [...trade.exchanges]
  }

  async start(): Promise<string> {
    this.#server = await serve((request) => this.#answer(request), { port: 0 })
    return this.#server.url
  }

  close(): Promise<void> | undefined {
    return this.#server?.close(0)
  }

  #answer(request: Request): Response {
    const header = request.headers.get('authorization')
    const said = header === null ? null : parseAnyCredential(header)
    const path = new URL(request.url).pathname
    const at = this.left.findIndex(
      ({ path: asked, credential }) =>
        asked === path && (credential === null ? said === null : said !== null && isSame(credential, said)),
    )
    if (at < 0) return new Response(`not in the record: ${JSON.stringify(said)}`, { status: 599 })
    const [{ status, headers, parts, credential }] = this.left.splice(at, 1) as [Exchange]
    if (credential?.payload.action === 'topUp') this.#events.dispatchEvent(new Event('topUp'))
    return new Response(this.#body(parts), { status, headers })
  }

  #body(parts: readonly string[]): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder()
    let next = 0
    return new ReadableStream({
      pull: async (controller) => {
        const part = parts[next++]
        if (part === undefined) return controller.close()
        // The deposit may be told as soon as the event has been read.
        const toppedUp = next < parts.length ? once(this.#events, 'topUp') : undefined
        controller.enqueue(encoder.encode(part))
        await toppedUp
      },
    })
  }
}

const isSame = (a: object, b: object): boolean => {
  try {
    expect(b).toEqual(a)
    return true
  } catch {
    return false
  }
}
