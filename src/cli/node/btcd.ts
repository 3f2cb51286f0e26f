import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'
import type { BtcdAccess } from '../../nodectl/managed/config.ts'

/** btcd's own (chaincfg and its params.go). */
const RPC_PORTS: Readonly<Record<Network, number>> = {
  mainnet: 8334,
  testnet: 18334,
  signet: 38332,
  regtest: 18334,
  simnet: 18556,
}
const SPEC = /^(.+?)(?:@(\[[0-9a-f:]+\]|[a-z0-9.-]+):(\d{1,5}))?$/is

/**
 * How to reach a btcd, from its own directory: `btcd.conf` has name and password, which have no place on a command line.
 * @param spec `DIR` or `DIR@HOST:PORT`
 * @throws StreamError `option-invalid`
 */
export function readBtcd(spec: string, network: Network): BtcdAccess {
  const [, folder = '', host = '127.0.0.1', port] = SPEC.exec(spec) ?? []
  const dir = resolve(folder.replace(/^~(?=$|\/)/, homedir()))
  const file = join(dir, 'btcd.conf')
  if (!existsSync(file)) throw new StreamError('option-invalid', `there is no ${file}`)
  const conf = readFileSync(file, 'utf8')
  const value = (name: string): string | undefined =>
    new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*(\\S+)[ \\t]*$`, 'im').exec(conf)?.[1]
  const [user, password] = [value('rpcuser'), value('rpcpass')]
  if (!user || !password) throw new StreamError('option-invalid', `${file} has no rpcuser and rpcpass`)
  const listens = /:(\d{1,5})$/.exec(value('rpclisten') ?? '')?.[1]
  return {
    host,
    port: Number(port ?? listens ?? RPC_PORTS[network]),
    user,
    password,
    cert: resolve(dir, value('rpccert') ?? 'rpc.cert'),
  }
}
