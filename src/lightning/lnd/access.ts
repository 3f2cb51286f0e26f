import { randomInt } from 'node:crypto'
import { nodeError } from './errors.ts'
import { type LndCall, openRpc } from './rpc.ts'
import type { LndOptions } from './spec.ts'

/** Whom a macaroon is for: who sells is paid, who buys pays. */
export type LndRole = 'seller' | 'buyer'

interface Use {
  /** The call's name in gRPC. */
  readonly uri: string
  /** Who needs it always, and who needs it to pay a balance back, or to take one back. */
  readonly for: readonly LndRole[]
  readonly returns: readonly LndRole[]
}

const BOTH = ['seller', 'buyer'] as const

/**
 * Every call that this backend makes, and whose it is: the compiler refuses a call without a row. Permissions are given for
 * single calls and not for LND's groups of them: `offchain:write` would also allow to close channels and to change their fees,
 * `invoices:write` to cancel invoices and to settle held ones.
 */
const CALLS: Readonly<Record<LndCall, Use>> = {
  getInfo: { uri: '/lnrpc.Lightning/GetInfo', for: BOTH, returns: [] },
  listChannels: { uri: '/lnrpc.Lightning/ListChannels', for: BOTH, returns: [] },
  addInvoice: { uri: '/lnrpc.Lightning/AddInvoice', for: ['seller'], returns: ['buyer'] },
  lookupInvoice: { uri: '/lnrpc.Lightning/LookupInvoice', for: ['seller'], returns: ['buyer'] },
  listInvoices: { uri: '/lnrpc.Lightning/ListInvoices', for: ['seller'], returns: [] },
  subscribeInvoices: { uri: '/lnrpc.Lightning/SubscribeInvoices', for: ['seller'], returns: [] },
  signMessage: { uri: '/lnrpc.Lightning/SignMessage', for: ['seller'], returns: [] },
  decodePayReq: { uri: '/lnrpc.Lightning/DecodePayReq', for: ['buyer'], returns: ['seller'] },
  queryRoutes: { uri: '/lnrpc.Lightning/QueryRoutes', for: ['buyer'], returns: ['seller'] },
  sendPaymentV2: { uri: '/routerrpc.Router/SendPaymentV2', for: ['buyer'], returns: ['seller'] },
  trackPaymentV2: { uri: '/routerrpc.Router/TrackPaymentV2', for: ['buyer'], returns: ['seller'] },
  // who bakes has the macaroon of an operator
  bakeMacaroon: { uri: '/lnrpc.Lightning/BakeMacaroon', for: [], returns: [] },
}

/** The calls that a role needs, as LND writes permissions for them: `uri:/lnrpc.Lightning/GetInfo`. */
export const permissionsFor = (role: LndRole, returns: boolean): string[] =>
  Object.values(CALLS)
    .filter((call) => call.for.includes(role) || (returns && call.returns.includes(role)))
    .map(({ uri }) => `uri:${uri}`)

export interface BakedMacaroon {
  /** What is written into a file; never shown. */
  readonly bytes: Uint8Array
  readonly permissions: readonly string[]
  /** `lncli deletemacaroonid` with this number ends this macaroon and no other. */
  readonly rootKeyId: bigint
}

/** LND keeps 0 for its own macaroons. */
const MAX_ROOT_KEY_ID = 2 ** 47

/**
 * Has LND make a macaroon that can do what a role does and nothing else. `options` name a macaroon that may do so, as LND's
 * `admin.macaroon` may.
 * @param returns whether balances are paid back (seller), or taken back (buyer)
 * @throws StreamError `node-denied`, `node-unreachable`, `node-locked`, `node-spec-invalid`, `node-library-missing`
 * @example const { bytes } = await bakeMacaroon(parseLndSpec('lnd:/home/me/.lnd'), 'buyer', true)
 */
export async function bakeMacaroon(options: LndOptions, role: LndRole, returns: boolean): Promise<BakedMacaroon> {
  const permissions = permissionsFor(role, returns)
  const rootKeyId = BigInt(randomInt(1, MAX_ROOT_KEY_ID))
  const rpc = await openRpc(options)
  try {
    const { macaroon } = await rpc.call('bakeMacaroon', {
      permissions: permissions.map((permission) => ({ entity: 'uri', action: permission.slice('uri:'.length) })),
      root_key_id: `${rootKeyId}`,
    })
    return { bytes: Buffer.from(macaroon, 'hex'), permissions, rootKeyId }
  } catch (error) {
    throw nodeError(error, 'baking a macaroon')
  } finally {
    rpc.close()
  }
}
