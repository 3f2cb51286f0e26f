import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'

/** How to reach btcd's JSON-RPC. */
export interface BtcdRpc {
  readonly port: number
  readonly user: string
  readonly password: string
  /** Path of its certificate. */
  readonly cert: string
}

export interface BtcdSetup {
  readonly dir: string
  readonly p2pPort: number
  readonly rpc: BtcdRpc
  /** Owns what is mined. */
  readonly miningAddress: string
}

/** btcd's configuration for a private chain of this machine. It holds the password: to be written readable by its owner alone. */
export const btcdConfig = (setup: BtcdSetup): string => `[Application Options]
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

/** What asks is on this machine, and so is what answers. */
const MAX_ANSWER = 64 * 1024 * 1024
/** Calls of one request: every request costs a TLS handshake, since btcd closes the connection. */
const BATCH = 100

type Params = readonly unknown[]

interface Answer<T> {
  readonly id: number
  readonly result: T
  readonly error: { readonly message: string } | null
}

/**
 * Calls one method of btcd's JSON-RPC.
 * @throws Error with btcd's own words, or why it does not answer
 * @example const { blocks } = await callBtcd<{ blocks: number }>(rpc, 'getinfo')
 */
export async function callBtcd<T = unknown>(rpc: BtcdRpc, method: string, ...params: Params): Promise<T> {
  const body = { jsonrpc: '1.0', id: 1, method, params }
  return resultOf(method, JSON.parse(await post(rpc, method, body)) as Answer<T>)
}

/** Calls one method many times, and returns the results in that order. */
export async function callBtcdAll<T>(rpc: BtcdRpc, method: string, calls: readonly Params[]): Promise<T[]> {
  const results: T[] = []
  for (let at = 0; at < calls.length; at += BATCH) {
    const batch = calls.slice(at, at + BATCH).map((params, id) => ({ jsonrpc: '2.0', id, method, params }))
    const answers = JSON.parse(await post(rpc, method, batch)) as Answer<T>[]
    const byId = new Map(answers.map((answer) => [answer.id, answer]))
    for (const { id } of batch) results.push(resultOf(method, byId.get(id)))
  }
  return results
}

function resultOf<T>(method: string, answer: Answer<T> | undefined): T {
  if (!answer) throw new Error(`btcd ${method}: no answer`)
  if (answer.error) throw new Error(`btcd ${method}: ${answer.error.message}`)
  return answer.result
}

async function post(rpc: BtcdRpc, method: string, body: unknown): Promise<string> {
  const ca = await readFile(rpc.cert)
  return new Promise((resolve, reject) => {
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
        if (answer.length > MAX_ANSWER) response.destroy(new Error(`btcd ${method}: the answer is too long`))
      })
      response.on('end', () =>
        response.statusCode === 401 ? reject(new Error(`btcd ${method}: the password is another`)) : resolve(answer),
      )
      response.on('error', reject)
    })
    call.on('error', reject)
    call.on('timeout', () => call.destroy(new Error(`btcd ${method}: no answer`)))
    call.end(JSON.stringify(body))
  })
}

/** Mines blocks, and returns their hashes. Works from any process that has the connection data. */
export const mine = (rpc: BtcdRpc, blocks: number): Promise<string[]> => callBtcd(rpc, 'generate', blocks)

export const blockHeight = async (rpc: BtcdRpc): Promise<number> =>
  (await callBtcd<{ blocks: number }>(rpc, 'getinfo')).blocks
