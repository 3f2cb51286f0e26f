import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { startUvicorn } from '../../examples/fastapi/uvicorn.ts'
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
  const { url, close } = await startUvicorn({
    python: PYTHON,
    app: 'sellers:app',
    folder: HERE,
    stdout: 'ignore',
    env: { WALLET: `http://127.0.0.1:${(wallet.address() as AddressInfo).port}` },
  })
  return {
    url,
    async close() {
      await close()
      wallet.closeAllConnections()
      wallet.close()
    },
  }
}
