import { createChainAddress, getChainBalance, getPendingChainBalance, getUtxos } from 'lightning'
import { type Msat, msat, sat } from '../money/msat.ts'
import { type Admin, ask } from './admin.ts'
import { requireAddressOf } from './networks/guard.ts'
import { type WatchOptions, watch } from './watch.ts'

/** The coins of a node's wallet, outside of channels. */
export interface Wallet {
  readonly confirmed: Msat
  readonly unconfirmed: Msat
}

/** @throws StreamError one of the `node-…` codes */
export async function walletOf({ lnd }: Admin): Promise<Wallet> {
  const [{ chain_balance }, { pending_chain_balance }] = await Promise.all([
    ask("asking for the wallet's balance", getChainBalance({ lnd })),
    ask("asking for the wallet's balance", getPendingChainBalance({ lnd })),
  ])
  return { confirmed: sat(chain_balance), unconfirmed: sat(pending_chain_balance) }
}

/**
 * An address of the wallet that has received nothing yet, checked to be of the node's own network. Asked again before coins
 * came, LND gives the same one. It is of the kind that every wallet can send to (BIP 173, version 0).
 * @throws StreamError `network-mismatch`, `node-…`
 */
export async function fundingAddress({ lnd, network, alias }: Admin): Promise<string> {
  const { address } = await ask('making an address', createChainAddress({ lnd, format: 'p2wpkh', is_unused: true }))
  requireAddressOf(address, { what: `node ${alias}`, network })
  return address
}

/** What has come to an address. */
export interface Arrival {
  readonly seen: Msat
  /** Of `seen`, what is in a block. */
  readonly confirmed: Msat
}

/**
 * Waits until something has come to an address and all of it is in a block. A light client sees coins only then.
 * @returns what came; the last state when the wait was over or was ended
 * @throws StreamError one of the `node-…` codes
 */
export function watchAddress({ lnd }: Admin, address: string, options: WatchOptions<Arrival>): Promise<Arrival> {
  return watch(options, async () => {
    const { utxos } = await ask('looking for coins', getUtxos({ lnd, min_confirmations: 0 }))
    const here = utxos.filter((utxo) => utxo.address === address)
    const sum = (coins: typeof here): Msat => msat(coins.reduce((all, { tokens }) => all + sat(tokens), 0n))
    const seen = sum(here)
    const confirmed = sum(here.filter(({ confirmation_count }) => confirmation_count > 0))
    return { state: { seen, confirmed }, done: seen > 0n && seen === confirmed }
  })
}
