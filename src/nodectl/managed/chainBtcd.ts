import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'
import { requireGenesisOf } from '../networks/guard.ts'
import type { BtcdAccess } from './config.ts'

const ANSWER_MS = 10_000
/** An answer with one hash in it. */
const MAX_BYTES = 10_000

/**
 * Refuses a btcd of another network, by its first block, before an LND is started over it.
 * @throws StreamError `network-mismatch`; `chain-unreachable` (it does not answer, or refuses name and password)
 */
export async function requireBtcdOf(rpc: BtcdAccess, network: Network, owner: string): Promise<void> {
  const where = `the btcd at ${rpc.host}:${rpc.port}`
  const genesis = await firstBlock(rpc).catch((error: Error) => {
    throw new StreamError('chain-unreachable', `${where} does not answer ${owner}: ${error.message}`)
  })
  requireGenesisOf(genesis, where, { what: owner, network })
}

/** Hash of block 0. */
async function firstBlock(rpc: BtcdAccess): Promise<string> {
  const text = await post(rpc, JSON.stringify({ jsonrpc: '1.0', id: 1, method: 'getblockhash', params: [0] }))
  const { result } = JSON.parse(text) as { readonly result?: unknown }
  if (typeof result !== 'string' || !/^[0-9a-f]{64}$/.test(result)) throw new Error('it names no first block')
  return result
}

function post({ host, port, user, password, cert }: BtcdAccess, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host,
        port,
        method: 'POST',
        auth: `${user}:${password}`,
        // The certificate itself is what is trusted: btcd makes it for names of its own machine.
        ca: readFileSync(cert),
        checkServerIdentity: () => undefined,
        signal: AbortSignal.timeout(ANSWER_MS),
      },
      (response) => {
        if (response.statusCode !== 200)
          return void call.destroy(new Error(`it answers with status ${response.statusCode}`))
        let answer = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          answer += chunk
          if (answer.length > MAX_BYTES) call.destroy(new Error('it says too much'))
        })
        response.on('end', () => resolve(answer)).on('error', reject)
      },
    )
    call.on('error', reject).end(body)
  })
}
