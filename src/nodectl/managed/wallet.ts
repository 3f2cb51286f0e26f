import { existsSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UnauthenticatedLnd } from 'lightning'
import { StreamError } from '../../errors/error.ts'
import { ask } from '../admin.ts'
import { runningDaemon } from '../daemon/daemon.ts'
import { daemonFailure } from '../daemon/failure.ts'
import { daemonFiles, keptPassword, logFile, tailOf, writeWhole } from './files.ts'
import type { ManagedNode } from './record.ts'

/** `opening`: LND is at work on it. `open`: LND takes calls, in step with the chain or not. */
export type WalletState = 'absent' | 'opening' | 'open'

const START_MS = 120_000
const POLL_MS = 100
const CALL_MS = 5_000

/** What becomes of the words before the wallet is made from them; when it rejects, no wallet is made. */
export type KeepSeed = (words: readonly string[]) => Promise<void>

/**
 * Waits until LND's wallet is open, and makes it if there is none. Every step can be repeated: words guard nothing until `keepSeed`
 * has resolved, and a wallet that was made is opened by LND itself, also after a kill in the middle.
 * @param seed words to make the wallet of, when they were kept before
 * @returns whether the wallet was made by this call
 * @throws StreamError `node-failed`, `wallet-password-wrong`, `port-taken`, `disk-full`, … when LND ends (see `daemonFailure`);
 * `node-unreachable` when it does not answer in time; whatever `keepSeed` rejects with
 */
export async function openWallet(
  node: ManagedNode,
  keepSeed: KeepSeed,
  signal: AbortSignal,
  seed?: readonly string[],
): Promise<boolean> {
  const unlocker = connection(node)
  try {
    const state = await until(node, unlocker, signal, (now) => now !== 'opening')
    if (state === 'absent') await makeWallet(node, unlocker, keepSeed, seed)
    await until(node, unlocker, signal, (now) => now === 'open')
    rmSync(askedFile(node), { force: true })
    return state === 'absent'
  } finally {
    unlocker.close()
  }
}

const askedFile = ({ dir }: ManagedNode): string => join(dir, 'wallet.asked')

/**
 * Whether this very LND was asked for a wallet, by a call that did not live to see it. It calls the wallet absent until it is open, so
 * that it cannot be known whether it is at work on it: words shown now might guard nothing. Started again, LND has the wallet or has it not.
 */
export async function isMakingWallet(node: ManagedNode): Promise<boolean> {
  const asked = tailOf(askedFile(node))
  if (asked === '' || asked !== tailOf(daemonFiles(node).mark)) return false
  return (await walletState(node)) !== 'open'
}

async function makeWallet(
  node: ManagedNode,
  unlocker: Unlocker,
  keepSeed: KeepSeed,
  kept?: readonly string[],
): Promise<void> {
  const { createSeed, createWallet } = await import('lightning')
  const password = keptPassword(node)
  const lnd = await unlocker.lnd()
  const seed = kept?.join(' ') ?? (await within(START_MS, ask('making a seed', createSeed({ lnd })))).seed
  if (!kept) await keepSeed(seed.split(' '))
  writeWhole(askedFile(node), tailOf(daemonFiles(node).mark))
  await within(START_MS, ask('making the wallet', createWallet({ lnd, password, seed })))
}

/** Asks again and again until `fits`. Ends at once when LND has ended. */
async function until(
  node: ManagedNode,
  unlocker: Unlocker,
  signal: AbortSignal,
  fits: (state: WalletState) => boolean,
): Promise<WalletState> {
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(POLL_MS)) {
    signal.throwIfAborted()
    if (runningDaemon(daemonFiles(node)) === undefined) throw endOf(node)
    const state = await stateOf(node, unlocker)
    if (state && fits(state)) return state
  }
  throw new StreamError('node-unreachable', `node ${node.name}: LND runs and does not answer`, { node: node.name })
}

/** Why it ended, by what it said last. */
export const endOf = (node: ManagedNode): StreamError =>
  daemonFailure(node.name, `${tailOf(logFile(node), 4096)}\n${tailOf(daemonFiles(node).output, 4096)}`)

/** `undefined` while LND does not answer. */
export async function walletState(node: ManagedNode): Promise<WalletState | undefined> {
  const unlocker = connection(node)
  try {
    return await stateOf(node, unlocker)
  } finally {
    unlocker.close()
  }
}

async function stateOf(node: ManagedNode, unlocker: Unlocker): Promise<WalletState | undefined> {
  // Only then a call: gRPC waits longer and longer after every connection that fails.
  if (!existsSync(certOf(node)) || !(await listens(node.rpcPort))) return undefined
  const { getWalletStatus } = await import('lightning')
  try {
    const lnd = await unlocker.lnd()
    const status = await within(CALL_MS, ask('asking LND for its state', getWalletStatus({ lnd })))
    return status.is_absent ? 'absent' : status.is_active || status.is_ready ? 'open' : 'opening'
  } catch (error) {
    // Of all that can be wrong with the connection, waiting does not mend this.
    if (error instanceof StreamError && error.message.includes('certificate')) throw wrongCertificate(node, error)
    return undefined
  }
}

const wrongCertificate = ({ name }: ManagedNode, cause: StreamError): StreamError =>
  new StreamError(
    'node-unreachable',
    `what answers for node ${name} has another certificate than its tls.cert; stop the node and start it again`,
    { node: name },
    cause,
  )

/** These methods of npm `lightning` have no deadline, and an LND that stands still never answers. */
async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const late = sleep(ms, undefined, { ref: false }).then(() => {
    throw new StreamError('node-unreachable', 'LND runs and does not answer')
  })
  return Promise.race([answer, late])
}

/** A connection without a macaroon. It is opened when it is first used, since LND makes its certificate when it first starts. */
interface Unlocker {
  lnd(): Promise<UnauthenticatedLnd>
  close(): void
}

function connection(node: ManagedNode): Unlocker {
  let open: UnauthenticatedLnd | undefined
  return {
    async lnd() {
      const { unauthenticatedLndGrpc } = await import('lightning')
      const cert = readFileSync(certOf(node)).toString('base64')
      open ??= unauthenticatedLndGrpc({ cert, socket: `localhost:${node.rpcPort}` }).lnd
      return open
    },
    close() {
      for (const client of Object.values(open ?? {}) as { close(): void }[]) client.close()
    },
  }
}

const certOf = ({ dir }: ManagedNode): string => join(dir, 'tls.cert')

/** Whether something listens on a port of this machine. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(CALL_MS, end(false))
    socket.once('connect', end(true)).once('error', end(false))
  })
}
