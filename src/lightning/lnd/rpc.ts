import { readFile } from 'node:fs/promises'
import { StreamError } from '../../errors/error.ts'
import type { LndOptions } from './spec.ts'

/**
 * LND's gRPC messages, as far as this backend reads them. Integers of 64 bits arrive as decimal strings.
 * Source: lightning.proto and router.proto of LND 0.21.
 */
export interface LndInfo {
  readonly identity_pubkey: string
  readonly alias: string
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

/** What gRPC rejects with. `details` is the node's own text; `metadata` is not read, since it may carry more than text. */
export interface RpcError extends Error {
  readonly code: number
  readonly details: string
}

/** gRPC status codes this backend tells apart. */
export const STATUS = { cancelled: 1, deadline: 4, notFound: 5, alreadyExists: 6, unavailable: 14 } as const

interface CallOptions {
  readonly deadline: number
}
type Unary<Q, A> = (request: Q, options: CallOptions, done: (error: RpcError | null, answer: A) => void) => unknown

/** A server's stream of messages. `cancel` ends it, and is then reported as an error with code 1. */
export interface RpcStream<T> {
  on(event: 'data', listener: (message: T) => void): this
  on(event: 'error', listener: (error: RpcError) => void): this
  on(event: 'end', listener: () => void): this
  cancel(): void
}

interface Closable {
  close(): void
}

interface LightningService extends Closable {
  getInfo: Unary<object, LndInfo>
  listChannels: Unary<{ active_only: boolean }, { readonly channels: readonly LndChannel[] }>
  addInvoice: Unary<
    { value_msat: string; memo: string; expiry: string; private: boolean },
    { readonly r_hash: Buffer; readonly payment_request: string }
  >
  listInvoices: Unary<
    { index_offset: string; num_max_invoices: string; reversed: boolean },
    { readonly invoices: readonly LndInvoice[]; readonly last_index_offset: string }
  >
  decodePayReq: Unary<{ pay_req: string }, LndPayReq>
  queryRoutes: Unary<object, { readonly routes: readonly { readonly total_fees_msat: string }[] }>
  signMessage: Unary<{ msg: Buffer }, { readonly signature: string }>
  subscribeInvoices(request: { settle_index: string }): RpcStream<LndInvoice>
}

interface RouterService extends Closable {
  sendPaymentV2(request: object): RpcStream<LndPayment>
  trackPaymentV2(request: { payment_hash: Buffer; no_inflight_updates: boolean }): RpcStream<LndPayment>
}

export interface LndClients {
  readonly default: LightningService
  readonly router: RouterService
}

/** A connection to one LND. It connects with its first call, and again by itself. */
export interface LndRpc {
  readonly clients: LndClients
  /** Starts over with new connections: gRPC's own waits grow to two minutes, too long for a seller. */
  renew(): void
  close(): void
}

/**
 * Opens LND's gRPC with the protocol files and the TLS setting of npm `lightning`. Its high-level methods are not used:
 * they take two round trips to make an invoice, and their invoice subscription forgets its place when it reconnects
 * right after an invoice that is not settled.
 * @throws StreamError `node-library-missing`, `node-spec-invalid` (a file cannot be read)
 */
export async function openRpc(options: LndOptions): Promise<LndRpc> {
  const { authenticatedLndGrpc } = await loadLibrary()
  const [cert, macaroon] = await Promise.all([readSecret(options.cert), readSecret(options.macaroon)])
  const open = (): LndClients & Record<string, Closable> =>
    authenticatedLndGrpc({ cert, macaroon, socket: localName(options.socket) }).lnd as never
  const closeAll = (clients: Record<string, Closable>): void => {
    for (const client of Object.values(clients)) client.close()
  }
  let clients = open()
  return {
    get clients() {
      return clients
    },
    renew() {
      const old = clients
      clients = open()
      closeAll(old)
    },
    close: () => closeAll(clients),
  }
}

async function loadLibrary(): Promise<typeof import('lightning')> {
  try {
    return await import('lightning')
  } catch (error) {
    throw new StreamError(
      'node-library-missing',
      'LND needs the npm package "lightning"',
      { package: 'lightning' },
      error,
    )
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

const UNARY_MS = 30_000

/** One request, one answer. Rejects with gRPC's own error. */
export function unary<Q, A>(call: Unary<Q, A>, service: object, request: Q, timeoutMs = UNARY_MS): Promise<A> {
  return new Promise((resolve, reject) => {
    call.call(service, request, { deadline: Date.now() + timeoutMs }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    )
  })
}
