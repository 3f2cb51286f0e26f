import { EventEmitter } from 'node:events'
import type { LndInvoice, LndPayment, LndRpc, RpcStream } from '../rpc.ts'
import type { RpcError } from '../status.ts'

/** An error as gRPC gives it. */
export const rpcError = (code: number, details: string): RpcError =>
  Object.assign(new Error(`${code}: ${details}`), { code, details })

/** A stream whose messages and end a test decides. */
export class FakeStream<T> extends EventEmitter implements RpcStream<T> {
  cancelled = false

  cancel(): void {
    this.cancelled = true
  }
}

export function settledInvoice(index: number, state: LndInvoice['state'] = 'SETTLED'): LndInvoice {
  return {
    r_hash: Buffer.alloc(32, index),
    state,
    add_index: String(index),
    settle_index: state === 'SETTLED' ? String(index) : '0',
    amt_paid_msat: state === 'SETTLED' ? String(index * 1000) : '0',
    payment_request: `lnbcrt${index}`,
    value_msat: String(index * 1000),
    memo: '',
    is_keysend: false,
    creation_date: '1700000000',
    expiry: '600',
    settle_date: state === 'SETTLED' ? '1700000060' : '0',
  }
}

export function lndPayment(fields: Partial<LndPayment>): LndPayment {
  return {
    payment_hash: '11'.repeat(32),
    payment_preimage: '22'.repeat(32),
    status: 'SUCCEEDED',
    failure_reason: 'FAILURE_REASON_NONE',
    fee_msat: '0',
    htlcs: [],
    ...fields,
  }
}

export class FakeRpc implements LndRpc {
  /** What `listInvoices` finds. */
  invoices: LndInvoice[] = []
  readonly subscriptions: { readonly since: bigint; readonly stream: FakeStream<LndInvoice> }[] = []
  readonly sent: { readonly request: object; readonly stream: FakeStream<LndPayment> }[] = []
  readonly tracked: { readonly hash: string; readonly finalOnly: boolean; readonly stream: FakeStream<LndPayment> }[] =
    []
  /** Answers of the other methods, by name. */
  readonly answers = new Map<string, (request: never) => unknown>([
    [
      'listInvoices',
      ({ index_offset, num_max_invoices }: { index_offset: string; num_max_invoices: string }) => {
        const from = Number(index_offset)
        const page = this.invoices.slice(from, from + Number(num_max_invoices))
        return { invoices: page, last_index_offset: String(from + page.length) }
      },
    ],
  ])

  call: LndRpc['call'] = async (method, request) => {
    const answer = this.answers.get(method)
    if (!answer) throw rpcError(12, `unknown method ${method}`)
    return answer(request as never) as never
  }

  subscribeInvoices(since: bigint): RpcStream<LndInvoice> {
    const stream = new FakeStream<LndInvoice>()
    this.subscriptions.push({ since, stream })
    return stream
  }

  sendPayment(request: object): RpcStream<LndPayment> {
    const stream = new FakeStream<LndPayment>()
    this.sent.push({ request, stream })
    return stream
  }

  trackPayment(hash: string, finalOnly: boolean): RpcStream<LndPayment> {
    const stream = new FakeStream<LndPayment>()
    this.tracked.push({ hash, finalOnly, stream })
    return stream
  }

  close(): void {}
}
