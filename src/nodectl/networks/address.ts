import { sha256 } from '@noble/hashes/sha2.js'
import { bech32, bech32m, createBase58check } from '@scure/base'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'
import { NETWORK_NAMES, NETWORKS } from './networks.ts'

/** Longer than any address (BIP 173: 90 characters). */
const MAX_LENGTH = 90
const base58check = createBase58check(sha256)

/**
 * The networks that an address may be on: one for mainnet and simnet, several where networks share their addresses.
 * Its checksum, and for segwit its version and length, are checked (BIP 173, BIP 350).
 * @throws StreamError `address-invalid`
 * @example addressNetworks('bcrt1q…') // ['regtest']
 */
export function addressNetworks(address: string): Network[] {
  const networks = address.length > MAX_LENGTH ? [] : (segwitNetworks(address) ?? base58Networks(address))
  if (networks.length === 0) {
    throw new StreamError('address-invalid', `"${address.slice(0, MAX_LENGTH)}" is not a Bitcoin address`)
  }
  return networks
}

/** `undefined` if it has no segwit form at all. */
function segwitNetworks(address: string): Network[] | undefined {
  const old = bech32.decodeUnsafe(address, MAX_LENGTH)
  const decoded = old ?? bech32m.decodeUnsafe(address, MAX_LENGTH)
  if (!decoded) return undefined
  const [version = -1, ...words] = decoded.words
  const program = bech32.fromWordsUnsafe(words)
  const fits =
    program &&
    version <= 16 &&
    // Version 0 has the old checksum and two lengths, all others the new one (BIP 350).
    (version === 0 ? old && [20, 32].includes(program.length) : !old && program.length >= 2 && program.length <= 40)
  return fits ? NETWORK_NAMES.filter((name) => NETWORKS[name].hrp === decoded.prefix) : []
}

function base58Networks(address: string): Network[] {
  try {
    const bytes = base58check.decode(address)
    return bytes.length === 21 ? NETWORK_NAMES.filter((name) => NETWORKS[name].base58.includes(bytes[0]!)) : []
  } catch {
    return []
  }
}
