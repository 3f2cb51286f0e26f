import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { storageTrouble } from '../../errors/storage.ts'
import type { DaemonFiles } from '../daemon/daemon.ts'
import { NETWORK_NAMES, NETWORKS } from '../networks/networks.ts'
import { type ManagedNode, macaroonOf } from './record.ts'

/** Where a managed node's LND leaves what it is and what it says. */
export const daemonFiles = ({ dir }: Pick<ManagedNode, 'dir'>): DaemonFiles => ({
  mark: join(dir, 'lnd.pid'),
  output: join(dir, 'lnd.out'),
})

export const logFile = ({ dir, network }: Pick<ManagedNode, 'dir' | 'network'>): string =>
  join(dir, 'logs', 'bitcoin', NETWORKS[network].lndName, 'lnd.log')

export const passwordFile = ({ dir }: Pick<ManagedNode, 'dir'>): string => join(dir, 'wallet.password')

const chainFolder = (dir: string): string => join(dir, 'data', 'chain', 'bitcoin')

/** Whether LND has made a wallet and opened it once: its database is there before that. */
export const hasWallet = (node: Pick<ManagedNode, 'dir' | 'network'>): boolean => existsSync(macaroonOf(node, 'admin'))

/**
 * An LND's directory may hold one network only: a wallet of one network is never opened on another.
 * @throws StreamError `network-mismatch`
 */
export function requireOwnFolder({ dir, name, network }: Pick<ManagedNode, 'dir' | 'name' | 'network'>): void {
  const folder = chainFolder(dir)
  if (!existsSync(folder)) return
  const names = readdirSync(folder)
  const other = NETWORK_NAMES.find((one) => one !== network && names.includes(NETWORKS[one].lndName))
  if (!other) return
  throw new StreamError('network-mismatch', `${dir} holds data of ${other}, and node ${name} is on ${network}`, {
    network: other,
    expected: network,
  })
}

/**
 * The password of a node's wallet, made once. LND reads the same file.
 * @throws StreamError `wallet-password-wrong` when there is a wallet and no password
 */
export function keptPassword(node: ManagedNode): string {
  const file = passwordFile(node)
  if (!existsSync(file)) {
    if (hasWallet(node)) {
      throw new StreamError('wallet-password-wrong', `node ${node.name} has a wallet, and ${file} is gone`, { file })
    }
    writeWhole(file, `${randomBytes(24).toString('hex')}\n`)
  }
  return readFileSync(file, 'utf8').trimEnd()
}

/**
 * Takes away a certificate that does not belong to its key, or is none: LND would not start with it, and makes a new one. One that
 * has expired it renews itself. Nobody else trusts this certificate: it is for this machine alone.
 */
export function mendCertificate({ dir }: Pick<ManagedNode, 'dir'>): void {
  const [cert, key] = [join(dir, 'tls.cert'), join(dir, 'tls.key')]
  if (!existsSync(cert) && !existsSync(key)) return
  try {
    if (new X509Certificate(readFileSync(cert)).checkPrivateKey(createPrivateKey(readFileSync(key)))) return
  } catch {
    // Unreadable is as good as wrong.
  }
  rmSync(cert, { force: true })
  rmSync(key, { force: true })
}

/** What a file system's refusal means to whoever runs a node; `undefined` for any other error. */
export function storageError(error: unknown, dir: string): StreamError | undefined {
  // The lock's error has it as its cause.
  const first = error instanceof StreamError ? error.cause : error
  const trouble = storageTrouble(first)
  if (!trouble || trouble.kind === 'busy' || trouble.kind === 'damaged') return undefined
  const path = (first as NodeJS.ErrnoException).path ?? dir
  const code = trouble.kind === 'full' ? 'disk-full' : 'storage-denied'
  return new StreamError(code, `${path}: ${trouble.reason}`, { path }, error)
}

/** Readable by its owner alone, and whole whenever this process is killed. */
export function writeWhole(file: string, content: string | Uint8Array): void {
  const beside = `${file}.${process.pid}.new`
  try {
    writeFileSync(beside, content, { mode: 0o600 })
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}

/** The end of a file that another process writes, from the start of a line; `''` if there is none. */
export function tailOf(file: string, maxBytes = 16_384): string {
  if (!existsSync(file)) return ''
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    const start = Math.max(0, size - maxBytes)
    const buffer = Buffer.alloc(size - start)
    const text = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, start)).toString('utf8')
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1)
  } finally {
    closeSync(fd)
  }
}
