import type { AuthenticatedLnd } from 'lightning'
import { grpcOpener, identityOf, type LndInfo, type LndOptions, libraryError } from '../lightning/lnd/index.ts'
import type { Network } from '../money/network.ts'
import { requireSameNetwork } from './networks/guard.ts'

/** An LND as its operator sees it. Money for streams goes through `LightningNode`; this is for the node's own life. */
export interface Admin {
  /** For the methods of npm `lightning`. */
  readonly lnd: AuthenticatedLnd
  readonly network: Network
  readonly publicKey: string
  readonly alias: string
  /** As LND says it: `0.21.0-beta commit=…`. */
  readonly version: string
  close(): void
}

/** Short, since this is the first call: a wrong address must not take half a minute to be told. */
const GET_INFO_MS = 10_000

/**
 * Connects with a macaroon that may do what an operator does, and asks who answers.
 * @throws StreamError `node-unreachable`, `node-locked`, `node-denied`, `node-spec-invalid`, `node-library-missing`,
 * `network-mismatch` (it is not on `options.network`), `network-refused` (a network Stream does not know)
 * @example
 * const admin = await openAdmin(lndOptionsOf(node, 'admin'))
 * const { address } = await ask('making an address', createChainAddress({ lnd: admin.lnd, format: 'p2tr' }))
 */
export async function openAdmin(options: LndOptions): Promise<Admin> {
  const open = await grpcOpener(options)
  const lnd = open()
  const close = (): void => {
    for (const client of Object.values(lnd) as { close(): void }[]) client.close()
  }
  try {
    const info = await ask('asking LND who it is', getInfo(lnd))
    const { network, publicKey, alias } = identityOf(info)
    if (options.network) {
      requireSameNetwork({ what: 'this LND', network }, { what: 'the node asked for', network: options.network })
    }
    return { lnd, network, publicKey, alias, version: info.version, close }
  } catch (error) {
    close()
    throw error
  }
}

/** Of the raw answer, since npm `lightning` names only some of the networks. */
const getInfo = (lnd: AuthenticatedLnd): Promise<LndInfo> =>
  new Promise((resolve, reject) => {
    const deadline = Date.now() + GET_INFO_MS
    lnd.default.getInfo({}, { deadline }, (error: unknown, info: LndInfo) => (error ? reject(error) : resolve(info)))
  })

/**
 * Awaits a method of npm `lightning` and says what its failure means.
 * @param doing what a message says, such as `opening a channel`
 * @throws StreamError one of the `node-…` codes; `node-failed` with LND's own words where it is none of the others
 */
export async function ask<T>(doing: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw libraryError(error, doing)
  }
}
