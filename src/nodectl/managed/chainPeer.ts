import { createHash, randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'

/**
 * First four bytes of every message between Bitcoin nodes of a network (btcd's wire package; BIP 325 for signet). A node hangs up on any other.
 */
const MAGIC: Readonly<Record<Network, string>> = {
  mainnet: 'f9beb4d9',
  testnet: '0b110907',
  signet: '0a03cf40',
  regtest: 'fabfb5da',
  simnet: '161c1412',
}
const PROTOCOL = 70_016
/** BIP 157: the node serves compact filters, which are all that a light client reads. */
const COMPACT_FILTERS = 1n << 6n
const HEADER_BYTES = 24
/** A `version` message has about 100 bytes, and at most 256 more of a name. */
const MAX_BYTES = 1024
const ANSWER_MS = 5_000

/** `silent`: it was there, and hung up or said nothing, as a node of another network does. */
export type PeerAnswer = 'closed' | 'silent' | { readonly filters: boolean }

/**
 * Greets a Bitcoin node as one of a network, and tells what came back.
 * @param peer `HOST:PORT`
 */
export function greet(peer: string, network: Network): Promise<PeerAnswer> {
  const at = peer.lastIndexOf(':')
  const host = peer.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  return new Promise((resolve) => {
    let met = false
    let heard = Buffer.alloc(0)
    const socket: Socket = connect(Number(peer.slice(at + 1)), host)
    const end = (answer: PeerAnswer): void => {
      socket.destroy()
      resolve(answer)
    }
    // Not the socket's own: that one begins anew with every byte, and another side could send them one at a time.
    const timer = setTimeout(() => end(met ? 'silent' : 'closed'), ANSWER_MS)
    socket.on('close', () => {
      clearTimeout(timer)
      end(met ? 'silent' : 'closed')
    })
    socket.on('error', () => {})
    socket.on('connect', () => {
      met = true
      socket.write(versionMessage(network))
    })
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk])
      const answer = readVersion(heard, network)
      if (answer) end(answer)
      else if (heard.length > MAX_BYTES) end('silent')
    })
  })
}

/**
 * Refuses Bitcoin nodes that are of no use to a light client of a network, before there is one.
 * @throws StreamError `network-mismatch` (one of them is on another network), `chain-unreachable` (none of them can be used)
 */
export async function requireChainPeers(peers: readonly string[], network: Network, owner: string): Promise<void> {
  const answers = await Promise.all(peers.map(async (peer) => ({ peer, answer: await greet(peer, network) })))
  for (const { peer, answer } of answers) {
    const theirs = answer === 'silent' ? await networkOfPeer(peer, network) : undefined
    if (!theirs) continue
    throw new StreamError('network-mismatch', `the chain peer ${peer} is on ${theirs}, and ${owner} on ${network}`, {
      network: theirs,
      expected: network,
    })
  }
  const words = answers.map(({ peer, answer }) => `${peer} ${inWords(answer)}`)
  if (answers.length > 0 && !answers.some(({ answer }) => typeof answer === 'object' && answer.filters)) {
    throw new StreamError('chain-unreachable', `${owner} has no Bitcoin node to ask: ${words.join(', ')}`)
  }
}

/** Asked one after the other: a node may take many connections from one place for an attack. */
async function networkOfPeer(peer: string, not: Network): Promise<Network | undefined> {
  for (const network of Object.keys(MAGIC) as Network[]) {
    if (network !== not && typeof (await greet(peer, network)) === 'object') return network
  }
  return undefined
}

const inWords = (answer: PeerAnswer): string =>
  answer === 'closed' ? 'does not answer' : answer === 'silent' ? 'hangs up' : 'serves no compact filters (BIP 157)'

/** What the other side's `version` says; `undefined` while it is not whole. */
export function readVersion(heard: Buffer, network: Network): PeerAnswer | undefined {
  if (heard.length < HEADER_BYTES) return undefined
  const payload = heard.subarray(HEADER_BYTES)
  const isVersion = heard.toString('latin1', 4, 16).replace(/\0+$/, '') === 'version'
  if (heard.toString('hex', 0, 4) !== MAGIC[network] || !isVersion) return 'silent'
  // Its number, then what it serves.
  return payload.length < 12 ? undefined : { filters: (payload.readBigUInt64LE(4) & COMPACT_FILTERS) !== 0n }
}

/** As the protocol documentation of Bitcoin has it: who we are, what we serve (nothing), our clock, two addresses nobody reads. */
export function versionMessage(network: Network): Buffer {
  const payload = Buffer.alloc(86)
  payload.writeInt32LE(PROTOCOL, 0)
  payload.writeBigInt64LE(BigInt(Math.floor(Date.now() / 1000)), 12)
  randomBytes(8).copy(payload, 72)
  // An empty name, a chain of no block, and no wish to hear of transactions.
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC[network], 0, 'hex')
  header.write('version', 4, 'latin1')
  header.writeUInt32LE(payload.length, 16)
  sha256(sha256(payload)).copy(header, 20, 0, 4)
  return Buffer.concat([header, payload])
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()
