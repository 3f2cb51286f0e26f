import { readFile } from 'node:fs/promises'
import type { AuthenticatedLnd } from 'lightning'
import { StreamError } from '../../errors/error.ts'
import type { LndOptions } from './spec.ts'
import { neverSent, type RpcError } from './status.ts'

/**
 * LND's gRPC messages, as far as this backend reads them. Integers of 64 bits arrive as decimal strings.
 * Source: lightning.proto and router.proto of LND 0.21.
 */
export interface LndInfo {
  readonly identity_pubkey: string
  readonly alias: string
  readonly version: string
  readonly chains: readonly { readonly network: string }[]
}

export interface LndChannel {
  readonly active: boolean
  readonly local_balance: string
  readonly remote_balance: string
  readonly local_constraints: { readonly chan_reserve_sat: string } | null
  readonly remote_constraints: { readonly chan_reserve_sat: string } | null
}

export interface LndInvoice {
  readonly r_hash: Buffer
  readonly state: 'OPEN' | 'SETTLED' | 'CANCELED' | 'ACCEPTED'
  readonly add_index: string
  readonly settle_index: string
  readonly amt_paid_msat: string
  readonly payment_request: string
  readonly value_msat: string
  readonly memo: string
  readonly is_keysend: boolean
  /** Seconds since 1970, and how many after that it expires. `settle_date` is 0 until it is settled. */
  readonly creation_date: string
  readonly expiry: string
  readonly settle_date: string
}

export interface LndHtlc {
  readonly status: 'IN_FLIGHT' | 'SUCCEEDED' | 'FAILED'
  readonly failure: { readonly code: string; readonly failure_source_index: number } | null
}

export interface LndPayment {
  readonly payment_hash: string
  readonly payment_preimage: string
  readonly status: 'UNKNOWN' | 'INITIATED' | 'IN_FLIGHT' | 'SUCCEEDED' | 'FAILED'
  readonly failure_reason: string
  readonly fee_msat: string
  readonly htlcs: readonly LndHtlc[]
}

export interface LndPayReq {
  readonly destination: string
  readonly payment_hash: string
  readonly num_msat: string
  readonly cltv_expiry: string
  readonly route_hints: readonly unknown[]
}

/** The unary methods of LND's `Lightning` service that are used here. */
interface Methods {
  getInfo: { request: object; answer: LndInfo }
  listChannels: { request: { active_only: boolean }; answer: { readonly channels: readonly LndChannel[] } }
  addInvoice: {
    request: { value_msat: string; memo: string; expiry: string; private: boolean }
    answer: { readonly r_hash: Buffer; readonly payment_request: string }
  }
  listInvoices: {
    request: { index_offset: string; num_max_invoices: string; reversed: boolean }
    answer: { readonly invoices: readonly LndInvoice[]; readonly last_index_offset: string }
  }
  lookupInvoice: { request: { r_hash: Buffer }; answer: LndInvoice }
  decodePayReq: { request: { pay_req: string }; answer: LndPayReq }
  queryRoutes: { request: object; answer: { readonly routes: readonly { readonly total_fees_msat: string }[] } }
  signMessage: { request: { msg: Buffer }; answer: { readonly signature: string } }
  bakeMacaroon: {
    request: { permissions: readonly { entity: string; action: string }[]; root_key_id: string }
    /** In hex. */
    answer: { readonly macaroon: string }
  }
}

/** Everything that is asked of LND. `access.ts` says who may. */
export type LndCall = keyof Methods | 'subscribeInvoices' | 'sendPaymentV2' | 'trackPaymentV2'

/** A server's stream of messages. `cancel` ends it, and is then reported as an error with code 1. */
export interface RpcStream<T> {
  on(event: 'data', listener: (message: T) => void): this
  on(event: 'error', listener: (error: RpcError) => void): this
  on(event: 'end', listener: () => void): this
  cancel(): void
}

type Done<A> = (error: RpcError | null, answer: A) => void
type Closable = { close(): void }
type Calls = {
  readonly [M in keyof Methods]: (
    request: Methods[M]['request'],
    options: { deadline: number },
    done: Done<Methods[M]['answer']>,
  ) => unknown
}
type Clients = {
  readonly default: Closable & Calls & { subscribeInvoices(request: { settle_index: string }): RpcStream<LndInvoice> }
  readonly router: Closable & {
    sendPaymentV2(request: object): RpcStream<LndPayment>
    trackPaymentV2(request: { payment_hash: Buffer; no_inflight_updates: boolean }): RpcStream<LndPayment>
  }
}

/** A connection to one LND. It connects with its first call, and again by itself. */
export interface LndRpc {
  /** One request, one answer. Rejects with gRPC's own error, or `node-unreachable` after `close`. */
  call<M extends keyof Methods>(
    method: M,
    request: Methods[M]['request'],
    timeoutMs?: number,
  ): Promise<Methods[M]['answer']>
  subscribeInvoices(settleIndex: bigint): RpcStream<LndInvoice>
  sendPayment(request: object): RpcStream<LndPayment>
  /** The payment as it is, then its changes; with `finalOnly` nothing before its end. */
  trackPayment(paymentHash: string, finalOnly: boolean): RpcStream<LndPayment>
  close(): void
}

const UNARY_MS = 30_000
/** gRPC's own waits between connections grow to two minutes, too long for a seller whose node restarts. */
const RENEW_AFTER_MS = 5_000

/**
 * Opens LND's gRPC with the protocol files and the TLS setting of npm `lightning`. Its high-level methods are not used:
 * they take two round trips to make an invoice, and their invoice subscription forgets its place when it reconnects
 * right after an invoice that is not settled.
 * @throws StreamError `node-library-missing`, `node-spec-invalid` (a file cannot be read)
 */
export async function openRpc(options: LndOptions): Promise<LndRpc> {
  const open: () => Clients = await grpcOpener(options)
  let clients = open()
  let openedAt = Date.now()
  let closed = false

  const current = (): Clients => {
    if (closed) throw new StreamError('node-unreachable', 'the connection to this LND was closed')
    return clients
  }
  const closeAll = (): void => {
    for (const client of Object.values(clients)) client.close()
  }
  const noteError = (error: RpcError): void => {
    if (closed || !neverSent(error) || Date.now() - openedAt < RENEW_AFTER_MS) return
    closeAll()
    clients = open()
    openedAt = Date.now()
  }
  const noted = <T>(stream: RpcStream<T>): RpcStream<T> => stream.on('error', noteError)

  return {
    call: async (method, request, timeoutMs = UNARY_MS) => {
      const service: Calls = current().default
      return new Promise((resolve, reject) => {
        service[method](request, { deadline: Date.now() + timeoutMs }, (error, answer) => {
          if (!error) return resolve(answer)
          noteError(error)
          reject(error)
        })
      })
    },
    subscribeInvoices: (index) => noted(current().default.subscribeInvoices({ settle_index: index.toString() })),
    sendPayment: (request) => noted(current().router.sendPaymentV2(request)),
    trackPayment: (hash, finalOnly) =>
      noted(
        current().router.trackPaymentV2({ payment_hash: Buffer.from(hash, 'hex'), no_inflight_updates: finalOnly }),
      ),
    close() {
      closed = true
      closeAll()
    },
  }
}

/**
 * What opens npm `lightning`'s clients of an LND. They connect with their first call, and are closed one by one.
 * @throws StreamError `node-library-missing`, `node-spec-invalid` (a file cannot be read)
 */
export async function grpcOpener(options: LndOptions): Promise<() => AuthenticatedLnd> {
  const { authenticatedLndGrpc } = await loadLibrary()
  const [cert, macaroon] = await Promise.all([readSecret(options.cert), readSecret(options.macaroon)])
  return () => authenticatedLndGrpc({ cert, macaroon, socket: localName(options.socket) }).lnd
}

async function loadLibrary(): Promise<typeof import('lightning')> {
  try {
    return await import('lightning')
  } catch (error) {
    const message = 'LND needs the npm package "lightning"'
    throw new StreamError('node-library-missing', message, { package: 'lightning' }, error)
  }
}

async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path)).toString('base64')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error'
    throw new StreamError('node-spec-invalid', `cannot read ${path}: ${code}`)
  }
}

/** LND's certificate names `localhost`; an IP address makes Node.js warn about TLS server names. */
export const localName = (socket: string): string => socket.replace(/^(?:127\.0\.0\.1|\[::1\]):/, 'localhost:')
