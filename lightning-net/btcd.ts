import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BtcdRpc, type BtcdSetup, btcdConfig, callBtcd } from '../src/nodectl/chain/btcd.ts'
import { listens, until } from '../src/nodectl/chain/wait.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import type { Guard } from './guard.ts'

export interface Btcd {
  readonly rpc: BtcdRpc
  readonly daemon: Daemon
  /** Where other nodes connect. */
  readonly p2p: string
  /** By RPC. Started again it would begin a new chain: on regtest btcd deletes the old one. */
  stop(): Promise<void>
}

export async function startBtcd(program: string, setup: BtcdSetup, guard: Guard): Promise<Btcd> {
  await mkdir(setup.dir, { recursive: true })
  const config = join(setup.dir, 'btcd.conf')
  await writeFile(config, btcdConfig(setup), { mode: 0o600 })
  const daemon = startDaemon('btcd', program, [`--configfile=${config}`], join(setup.dir, 'btcd.out'), guard)
  const answers = async () => (await listens(setup.rpc.port)) && callBtcd(setup.rpc, 'getinfo')
  await until('btcd answers', 60_000, answers, [daemon.failed])
  return {
    rpc: setup.rpc,
    daemon,
    p2p: `127.0.0.1:${setup.p2pPort}`,
    stop: () => daemon.stop(() => callBtcd(setup.rpc, 'stop')),
  }
}
