import { StreamError } from '../errors/error.ts'
import type { Network } from '../money/network.ts'

/** Something that belongs to a network, and how an error calls it: `{ what: 'the invoice', network: 'signet' }`. */
export interface OnNetwork {
  readonly what: string
  readonly network: Network
}

/**
 * The network guard: nothing crosses from one network to another. Called before anything moves.
 * @throws StreamError `network-mismatch`, naming both networks (`details.network`, `details.expected`)
 * @example requireSameNetwork({ what: 'the invoice', network: 'mainnet' }, { what: 'node alice', network: 'signet' })
 */
export function requireSameNetwork(thing: OnNetwork, owner: OnNetwork): void {
  if (thing.network === owner.network) return
  throw mismatch(`${thing.what} is on ${thing.network}, and ${owner.what} on ${owner.network}`, thing.network, owner)
}

/** @param network the other network or networks, as they are named in `details` */
export function mismatch(message: string, network: string, owner: OnNetwork): StreamError {
  return new StreamError('network-mismatch', message, { network, expected: owner.network })
}
