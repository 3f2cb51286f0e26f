import { unlessAborted } from '../errors/aborted.ts'
import type { PayingNode } from '../lightning/node.ts'
import type { Network } from '../money/network.ts'
import type { PurseOptions } from './purse.ts'
import type { WebLn } from './wallets/find.ts'

export { StreamError } from '../errors/error.ts'
export type { PayingNode } from '../lightning/node.ts'
export { hlsConfig, payingLoader } from './hls.ts'
export { StoredJournal } from './journal.ts'
export { type Consent, type Payment, Purse, type PurseOptions, type PurseState, type Wish } from './purse.ts'
export { defineMeter, StreamMeter } from './ui/meter.ts'
export { findWebLn, type WebLn } from './wallets/find.ts'

/** Asks a person before anything is paid: see `ui/consent.ts`. Loaded when it is asked. */
export const askConsent: PurseOptions['consent'] = async (wish) => (await import('./paying.ts')).askConsent(wish)

export interface OpenOptions {
  /** Calls the opening off: it rejects with the signal's reason. None by default. */
  readonly signal?: AbortSignal
}

/** A WebLN wallet as a node that pays: see `wallets/webln.ts`. */
export const openWebLn = async (webln: WebLn, network: Network, { signal }: OpenOptions = {}): Promise<PayingNode> =>
  unlessAborted((await import('./paying.ts')).openWebLn(webln, network), signal)

/** A wallet behind Nostr Wallet Connect as a node that pays: see `wallets/nwc.ts`. */
export const openNwc = async (connection: string, { signal }: OpenOptions = {}): Promise<PayingNode> =>
  (await import('./wallets/nwc.ts')).openNwc(connection, signal)
