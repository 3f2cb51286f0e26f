import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { startGuard } from '../../lightning-net/guard.ts'
import { ROOT } from '../../scripts/run/child.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
/** Where `.ci/run` puts them. */
const OWN = join(resolve(process.env.STREAMPAY_CACHE || join(ROOT, '.cache')), 'sellers')
const PYTHON = join(OWN, 'bin', 'python')

/** Why the sellers in Python are not there; `undefined` where they are. */
export function noSellers(): string | undefined {
  const isThere =
    existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import uvicorn, lightning_toll, l402kit']).status === 0
  return isThere ? undefined : `lightning-toll and l402kit are not installed: .ci/run puts them into ${OWN}`
}

export interface Sellers {
  readonly url: string
  close(): Promise<void>
}

/** Starts `sellers.py`, whose invoices are a node's of ours. */
export async function startSellers(node: Pick<LightningNode, 'createInvoices'>): Promise<Sellers> {
  // As LNbits makes an invoice.
  const wallet = createServer(async (request, answer) => {
    const { amount, memo, expiry = 600 } = (await json(request)) as { amount: number; memo: string; expiry?: number }
    const asked = { amount: sat(BigInt(amount)), description: memo, expiresInSeconds: expiry }
    const [invoice] = await node.createInvoices([asked])
    answer.writeHead(201, { 'content-type': 'application/json' })
    answer.end(JSON.stringify({ payment_hash: invoice!.paymentHash, payment_request: invoice!.request }))
  }).listen(0, '127.0.0.1')
  await once(wallet, 'listening')
  const args = ['-m', 'uvicorn', 'sellers:app', '--app-dir', HERE, '--host', '127.0.0.1', '--port', '0']
  const child = spawn(PYTHON, [...args, '--no-access-log'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: '1',
      WALLET: `http://127.0.0.1:${(wallet.address() as AddressInfo).port}`,
    },
  })
  const guard = startGuard()
  if (child.pid) guard.watch(child.pid)
  const exited = new Promise<void>((done) => child.once('close', () => done()))
  const said: string[] = []
  const url = await new Promise<string>((found, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (said.length < 50) said.push(line)
      const address = /running on (http:\/\/[\d.:]+)/.exec(line)?.[1]
      if (address) found(address)
    })
    child.once('error', reject)
    child.once('close', () => reject(new Error(`uvicorn ended: ${said.join('\n')}`)))
  })
  return {
    url,
    async close() {
      child.kill('SIGINT')
      await exited
      guard.end()
      wallet.closeAllConnections()
      wallet.close()
    },
  }
}
