import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../node.ts'
import { type NwcConnection, parseConnection } from './connection.ts'

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

const MAX_FILE_BYTES = 8 << 10

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

const invalid = (message: string): StreamError => new StreamError('node-spec-invalid', message)
