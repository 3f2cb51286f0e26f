import { StreamError } from '../../errors/error.ts'
import { libraryError } from '../../lightning/lnd/index.ts'

/** A peer as a person names it. */
export interface PeerName {
  /** 66 hex digits, in lower case. */
  readonly publicKey: string
  /** `HOST:PORT`. */
  readonly address?: string
}

const KEY = /^0[23][0-9a-f]{64}$/
const ADDRESS = /^(?:\[[0-9a-f:]+\]|[a-z0-9._-]{1,255})(?::(\d{1,5}))?$/i
/** Where nodes listen unless told otherwise (BOLT 1, of mainnet). */
const DEFAULT_PORT = 9735

/**
 * Reads `KEY@HOST:PORT`, `KEY@HOST` (port 9735) or `KEY`.
 * @throws StreamError `peer-invalid`
 */
export function parsePeer(text: string): PeerName {
  const [key = '', address, ...more] = text.trim().split('@')
  const publicKey = key.toLowerCase()
  if (!KEY.test(publicKey) || more.length > 0) {
    throw new StreamError('peer-invalid', `"${text.slice(0, 80)}" is not KEY@HOST:PORT: a key has 66 hex digits`)
  }
  if (address === undefined) return { publicKey }
  const match = ADDRESS.exec(address)
  const port = Number(match?.[1] ?? DEFAULT_PORT)
  if (!match || port < 1 || port > 65_535) {
    throw new StreamError('peer-invalid', `"${address.slice(0, 80)}" is not HOST:PORT`)
  }
  return { publicKey, address: match[1] === undefined ? `${address}:${port}` : address }
}

/** A key as a person recognises it. */
export const shortKey = (publicKey: string): string => `${publicKey.slice(0, 10)}…`

/** LND's own words in what a method of npm `lightning` rejected with. */
export function wordsOf(error: unknown): string {
  if (!Array.isArray(error)) return error instanceof Error ? error.message : String(error)
  const [, reason, more] = error as [number, string, { err?: { details?: string; message?: string } | string }?]
  const { err } = more ?? {}
  return typeof err === 'string' ? err : (err?.details ?? err?.message ?? reason)
}

/** What it means that `addPeer` failed. */
export function connectError(error: unknown, peer: PeerName): StreamError {
  const words = wordsOf(error)
  const name = `${shortKey(peer.publicKey)} at ${peer.address}`
  const unreachable = (why: string): StreamError => new StreamError('peer-unreachable', `${name}: ${why}`)
  if (/connection refused/i.test(words)) return unreachable('nothing listens there')
  if (/no such host|lookup .* (?:failed|on )|name resolution/i.test(words)) return unreachable('there is no such host')
  if (/no route to host|network is unreachable/i.test(words))
    return unreachable('its network cannot be reached from here')
  if (/timeout|timed out|deadline/i.test(words)) return unreachable('no answer')
  // The handshake proves the key (BOLT 8): a node with another key cannot read the first message, and hangs up.
  if (/^EOF$|handshake|invalid mac|connection reset|unexpected EOF/i.test(words)) {
    return unreachable('something answers there and hangs up: it has another key, or is no Lightning node')
  }
  if (/self/i.test(words)) return new StreamError('peer-invalid', 'this is the key of the node itself')
  if (/FailedToSuccessfullyConnect/.test(words)) return unreachable('it hung up right after the greeting')
  if (/unable to parse|malformed|invalid public key|not on the secp256k1/i.test(words)) {
    return new StreamError('peer-invalid', `${shortKey(peer.publicKey)} is no public key`)
  }
  if (/socks|tor/i.test(words) && peer.address?.includes('.onion')) {
    return unreachable('this node has no way into Tor; lnd.conf needs tor.active=1')
  }
  return libraryError(error, `connecting with ${name}`)
}

/** What it means that `removePeer` failed. */
export function forgetError(error: unknown): StreamError {
  // Said by an LND with `no-unsafe-disconnect`, when a channel came in between.
  const count = /still has (\d+) active channels/.exec(wordsOf(error))?.[1]
  return count === undefined ? libraryError(error, 'ending the connection') : peerBusy(Number(count))
}

export const peerBusy = (channels: number): StreamError =>
  new StreamError('peer-busy', `this peer has ${channels} channel${channels === 1 ? '' : 's'} with this node`)
