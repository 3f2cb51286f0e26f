import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import { endDaemon, runningDaemon, startDaemon } from '../daemon/daemon.ts'
import { findBtcd, type ProgramSearch } from '../programs/find.ts'
import { reconcileBlocks } from './blocks.ts'
import { type BtcdRpc, blockHeight, btcdConfig, callBtcd, mine } from './btcd.ts'
import { MINER_ADDRESS } from './coins.ts'
import { freePorts, type PortRange } from './ports.ts'
import { listens, until } from './wait.ts'

/** Segwit is active from block 432 of a regtest chain; a channel funded earlier never confirms. */
export const FIRST_BLOCKS = 450

/** The private chain of a state home: one btcd on regtest, that listens on loopback and knows no other node. */
export interface PrivateChain {
  /** Its JSON-RPC, as a node on btcd needs it. */
  readonly rpc: BtcdRpc & { readonly host: string }
  /** `127.0.0.1:PORT`, where a light client connects. */
  readonly peer: string
  /** Where all of it lies. */
  readonly dir: string
}

const port = z.number().int().min(1).max(65_535)
const record = z.object({ program: z.string(), p2pPort: port, rpcPort: port, password: z.string() })
type Kept = z.infer<typeof record>

const RECORD = 'chain.json'
/** Kept while the lab is down, so nothing else is to find one there: see `ports.ts`. */
const CHAIN_PORTS: PortRange = [14_000, 16_000]
/** btcd answers within a second; a busy machine takes longer. */
const START_MS = 60_000
const MINE_MS = 60_000
const STALE_SECONDS = 3600

const chainDir = (home: string): string => join(home, 'lab', 'btcd')
const filesOf = (dir: string) => ({ mark: join(dir, 'pid'), output: join(dir, 'btcd.out') })
const blocksOf = (dir: string): string => join(dir, 'blocks')

/** The chain of a state home, whether it runs or not; `undefined` if there is none. @throws StreamError `lab-failed` */
export function findChain(home: string): PrivateChain | undefined {
  const dir = chainDir(home)
  const kept = readKept(dir)
  return kept && chainOf(dir, kept)
}

/** Whether its btcd runs. */
export const chainRuns = (home: string): boolean => runningDaemon(filesOf(chainDir(home))) !== undefined

/**
 * Sees to it that the private chain runs and is high enough for channels: makes it, starts it, or finds it running. The caller
 * holds the lab's lock (`withLab`).
 * @throws StreamError `lab-failed`, `program-…`
 */
export async function startChain(home: string, search: ProgramSearch): Promise<PrivateChain> {
  const dir = chainDir(home)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const kept = readKept(dir) ?? (await makeKept(dir, search))
  const chain = chainOf(dir, kept)
  if (!chainRuns(home)) await start(chain, kept, search)
  await labStep('btcd did not answer', answering(chain))
  await labStep('the chain cannot be restored', mineUpTo(chain, FIRST_BLOCKS))
  await labStep('no block was mined', freshen(chain))
  return chain
}

/** LND does not start on a chain whose last block is two hours old: it takes it for one that is not there yet. */
async function freshen(chain: PrivateChain): Promise<void> {
  const { time } = await callBtcd<{ time: number }>(
    chain.rpc,
    'getblockheader',
    await callBtcd<string>(chain.rpc, 'getbestblockhash'),
    true,
  )
  if (Date.now() / 1000 - time > STALE_SECONDS) await mineUpTo(chain, (await blockHeight(chain.rpc)) + 1)
}

async function start(chain: PrivateChain, kept: Kept, search: ProgramSearch): Promise<void> {
  for (const taken of [kept.rpcPort, kept.p2pPort]) {
    if (await listens(taken)) {
      throw new StreamError('lab-failed', `port ${taken} of the lab's btcd is taken by another program`, {
        port: `${taken}`,
      })
    }
  }
  const program = existsSync(kept.program) ? kept.program : (await findBtcd(search)).path
  const { p2pPort } = kept
  const config = join(chain.dir, 'btcd.conf')
  const setup = { dir: chain.dir, p2pPort, rpc: chain.rpc, miningAddress: MINER_ADDRESS }
  writeFileSync(config, btcdConfig(setup), { mode: 0o600 })
  await startDaemon(program, [`--configfile=${config}`], filesOf(chain.dir))
}

async function answering({ dir, rpc }: PrivateChain): Promise<void> {
  const files = filesOf(dir)
  const state = await until('btcd answers', START_MS, async () => {
    if (runningDaemon(files) === undefined) return 'ended'
    return (await listens(rpc.port)) && (await callBtcd(rpc, 'getinfo')) && 'answers'
  })
  if (state === 'ended') throw new Error(`it has ended, and said: ${tail(files.output)}`)
}

/** Mines until the chain is that high. One that a killed command had begun to mine goes on by itself, and is waited for. */
async function mineUpTo(chain: PrivateChain, height: number): Promise<void> {
  const file = blocksOf(chain.dir)
  const state = await until(`${height} blocks`, MINE_MS, async () => {
    if (runningDaemon(filesOf(chain.dir)) === undefined) return 'ended'
    const missing = height - (await reconcileBlocks(chain.rpc, file))
    if (missing > 0) await mine(chain.rpc, missing)
    return (missing <= 0 || (await reconcileBlocks(chain.rpc, file)) >= height) && 'mined'
  })
  if (state === 'ended') throw new Error('btcd has ended')
}

/** Mines blocks, and keeps them before it returns. @throws StreamError `lab-failed` */
export async function mineBlocks(chain: PrivateChain, blocks: number): Promise<number> {
  const height = await labStep('no blocks were mined', reconcileBlocks(chain.rpc, blocksOf(chain.dir)))
  await labStep('no blocks were mined', mineUpTo(chain, height + blocks))
  return height + blocks
}

/** Height of the running chain. @throws StreamError `lab-failed` */
export const chainHeight = (chain: PrivateChain): Promise<number> =>
  labStep('btcd does not answer', blockHeight(chain.rpc))

/** Ends btcd, by its RPC. Resolves when no process is left. */
export async function stopChain(home: string): Promise<void> {
  const chain = findChain(home)
  if (!chain) return
  await endDaemon(filesOf(chain.dir), async () => {
    await reconcileBlocks(chain.rpc, blocksOf(chain.dir))
    await callBtcd(chain.rpc, 'stop')
  })
}

/** Has a failure of btcd be one of the lab, with btcd's own words. */
export async function labStep<T>(what: string, step: Promise<T>): Promise<T> {
  try {
    return await step
  } catch (error) {
    if (error instanceof StreamError) throw error
    throw new StreamError('lab-failed', `${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const chainOf = (dir: string, { p2pPort, rpcPort, password }: Kept): PrivateChain => ({
  rpc: { host: '127.0.0.1', port: rpcPort, user: 'stream', password, cert: join(dir, 'rpc.cert') },
  peer: `127.0.0.1:${p2pPort}`,
  dir,
})

function readKept(dir: string): Kept | undefined {
  const file = join(dir, RECORD)
  if (!existsSync(file)) return undefined
  try {
    return record.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    throw new StreamError('lab-failed', `${file} cannot be read`, { file }, error)
  }
}

/** Its ports are found once and kept: the nodes' own files name them. */
async function makeKept(dir: string, search: ProgramSearch): Promise<Kept> {
  const { path } = await findBtcd(search)
  const [p2pPort, rpcPort] = await freePorts(2, undefined, CHAIN_PORTS)
  const kept = { program: path, p2pPort: p2pPort!, rpcPort: rpcPort!, password: randomBytes(16).toString('hex') }
  const beside = join(dir, `${RECORD}.new`)
  writeFileSync(beside, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 })
  renameSync(beside, join(dir, RECORD))
  return kept
}

const tail = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8').slice(-500) : '')
