import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { isLoopback } from '../../wire/loopback.ts'
import type { Network } from '../node.ts'

/** Where a wallet's connection string is, and where Stream keeps its own record of what it asked that wallet for. */
export interface NwcOptions {
  /** File of mode 0600 that holds one `nostr+walletconnect://…` line and nothing else. */
  readonly file: string
  /** Folder for the record. It belongs with the ledger and the journal: without it settlements would be missed. */
  readonly folder: string
  /** What the wallet has to be able to do: asked when it is opened, so that nothing is found missing in the middle of a stream. Both by default. */
  readonly role?: 'seller' | 'buyer'
  /** The network this wallet must be on. Any by default. */
  readonly network?: Network
  /** Calls the opening off: it rejects with the signal's reason, and what opens after that is closed at once. None by default. */
  readonly signal?: AbortSignal
}

/** What a connection string says. Holds a secret: never to be logged. */
export interface NwcConnection {
  /** The wallet service's Nostr key: 64 lowercase hex digits. */
  readonly wallet: string
  /** This connection's own secret key: 64 lowercase hex digits. Whoever has it spends what the connection may. */
  readonly secret: string
  /** Addresses of relays: `wss://`, or `ws://` on this machine. */
  readonly relays: readonly string[]
}

const MAX_FILE_BYTES = 8 << 10
const MAX_RELAYS = 4
const KEY = /^[0-9a-f]{64}$/i

/**
 * Reads a node spec `nwc:FILE`. The connection string itself is refused: command lines can be read by others.
 * @throws StreamError `node-spec-invalid`
 * @example parseNwcSpec('nwc:~/.wallet.nwc').file
 */
export function parseNwcSpec(spec: string): string {
  if (/walletconnect|secret=/i.test(spec) || /[0-9a-f]{64}/i.test(spec)) {
    throw invalid('this is the connection string itself; save it to a file of mode 0600 and give the path of the file')
  }
  const path = /^nwc:(.+)$/s.exec(spec)?.[1]
  if (path === undefined) throw invalid('a wallet behind Nostr Wallet Connect is written nwc:FILE')
  return resolve(path.replace(/^~(?=$|\/)/, homedir()))
}

/**
 * Reads the connection string from its file.
 * @throws StreamError `node-spec-invalid`: no such file, others may read it, or it is no connection string. What is in it is never told.
 */
export function readConnection(file: string): NwcConnection {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) throw invalid(`there is no file ${file}`)
  if (!stat.isFile()) throw invalid(`${file} is not a file`)
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
    throw invalid(`others may read ${file}, and it can spend money: chmod 600 ${file}`)
  }
  if (stat.size > MAX_FILE_BYTES) throw invalid(`${file} is too long for a connection string`)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw invalid(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? 'error'}`)
  }
  return parseConnection(text.trim(), file)
}

/**
 * @param where how an error calls it; the string itself never stands in one
 * @throws StreamError `node-spec-invalid`
 */
export function parseConnection(text: string, where: string): NwcConnection {
  const rest = /^nostr\+?walletconnect:(?:\/\/)?([^\s]+)$/i.exec(text)?.[1]
  if (rest === undefined) throw invalid(`${where} holds no connection string (nostr+walletconnect://…)`)
  const [wallet = '', query = ''] = rest.split(/[/?]+(.*)/s)
  const parameters = new URLSearchParams(query)
  const secrets = parameters.getAll('secret')
  const relays = [...new Set(parameters.getAll('relay'))]
  if (!KEY.test(wallet)) throw invalid(`the connection string in ${where} has no wallet key of 64 hex digits`)
  if (secrets.length !== 1 || !KEY.test(secrets[0]!)) {
    throw invalid(`the connection string in ${where} has no secret of 64 hex digits`)
  }
  if (relays.length === 0) throw invalid(`the connection string in ${where} names no relay`)
  if (relays.length > MAX_RELAYS)
    throw invalid(`the connection string in ${where} names more than ${MAX_RELAYS} relays`)
  return {
    wallet: wallet.toLowerCase(),
    secret: secrets[0]!.toLowerCase(),
    relays: relays.map((url) => checkRelay(url, where)),
  }
}

/** Amounts and times would be seen by everybody on the way, though not what is asked: only within this machine is that nobody. */
function checkRelay(text: string, where: string): string {
  const url = URL.parse(text)
  if (!url || !/^wss?:$/.test(url.protocol)) throw invalid(`a relay in ${where} is not wss://…`)
  if (url.username || url.password) throw invalid(`a relay in ${where} has a name or a password in it`)
  if (url.protocol === 'ws:' && !isLoopback(url.href)) {
    throw invalid(`the relay ${url.host} in ${where} is not private: wss://, or ws:// on this machine`)
  }
  return url.href
}

const invalid = (message: string): StreamError => new StreamError('node-spec-invalid', message)
