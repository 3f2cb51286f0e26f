import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { type Daemon, listens, startDaemon, until } from './daemon.ts'
import type { Guard } from './guard.ts'

/** How to reach btcd's JSON-RPC. */
export interface BtcdRpc {
  readonly port: number
  readonly user: string
  readonly password: string
  /** Path of its certificate. */
  readonly cert: string
}

export interface Btcd {
  readonly rpc: BtcdRpc
  readonly daemon: Daemon
  /** Where other nodes connect. */
  readonly p2p: string
  /** By RPC: ended by a signal it has come back a few blocks lower. */
  stop(): Promise<void>
}

export interface BtcdSetup {
  readonly program: string
  readonly dir: string
  readonly p2pPort: number
  readonly rpc: BtcdRpc
  readonly miningAddress: string
}

export async function startBtcd(setup: BtcdSetup, guard: Guard): Promise<Btcd> {
  await mkdir(setup.dir, { recursive: true })
  const config = join(setup.dir, 'btcd.conf')
  await writeFile(config, configOf(setup), { mode: 0o600 })
  const daemon = startDaemon('btcd', setup.program, [`--configfile=${config}`], join(setup.dir, 'btcd.out'), guard)
  await until(
    'btcd answers',
    20_000,
    [daemon],
    async () => (await listens(setup.rpc.port)) && callBtcd(setup.rpc, 'getinfo'),
  )
  return {
    rpc: setup.rpc,
    daemon,
    p2p: `127.0.0.1:${setup.p2pPort}`,
    stop: () => daemon.stop(() => callBtcd(setup.rpc, 'stop')),
  }
}

const configOf = (setup: BtcdSetup): string => `[Application Options]
regtest=1
datadir=${join(setup.dir, 'data')}
logdir=${join(setup.dir, 'logs')}
debuglevel=warn
listen=127.0.0.1:${setup.p2pPort}
rpclisten=127.0.0.1:${setup.rpc.port}
rpcuser=${setup.rpc.user}
rpcpass=${setup.rpc.password}
rpccert=${setup.rpc.cert}
rpckey=${join(setup.dir, 'rpc.key')}
; LND looks up its transactions by id.
txindex=1
nodnsseed=1
miningaddr=${setup.miningAddress}
`

/** Calls one method of btcd's JSON-RPC. */
export async function callBtcd<T = unknown>(rpc: BtcdRpc, method: string, ...params: readonly unknown[]): Promise<T> {
  const ca = await readFile(rpc.cert)
  const body = JSON.stringify({ jsonrpc: '1.0', id: 1, method, params })
  const text = await new Promise<string>((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      servername: 'localhost',
      port: rpc.port,
      method: 'POST',
      auth: `${rpc.user}:${rpc.password}`,
      ca,
      timeout: 60_000,
    }
    const call = request(options, (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        answer += chunk
      })
      response.on('end', () => resolve(answer))
      response.on('error', reject)
    })
    call.on('error', reject)
    call.on('timeout', () => call.destroy(new Error(`btcd ${method}: no answer`)))
    call.end(body)
  })
  const { result, error } = JSON.parse(text) as { result: T; error: { message: string } | null }
  if (error) throw new Error(`btcd ${method}: ${error.message}`)
  return result
}

/** Mines blocks. Works from any process that has the connection data. */
export async function mine(rpc: BtcdRpc, blocks: number): Promise<void> {
  await callBtcd(rpc, 'generate', blocks)
}
