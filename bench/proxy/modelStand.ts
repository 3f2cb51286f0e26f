import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startModelServer } from '../../examples/model/server.ts'
import { PYTHON } from '../../test/proxy/python.ts'
import type { ShopAccount } from '../account.ts'
import type { GatewayOrder } from '../gateway/gatewayProcess.ts'
import { openProcess } from '../process.ts'
import type { PaidTrade, PayingOrder } from './payingProcess.ts'

/** The real model, sold by the gateway, and in front of that the paying proxy. */
export interface ModelStand {
  /** The model itself, unpaid. */
  readonly freeUrl: string
  readonly paidUrl: string
  trade(): Promise<PaidTrade>
  accounts(): Promise<readonly ShopAccount[]>
  close(): Promise<void>
}

type Terms = Pick<GatewayOrder, 'price' | 'credit'> & Pick<PayingOrder, 'ahead'>

export async function openModelStand({ ahead, ...terms }: Terms): Promise<ModelStand> {
  const folder = mkdtempSync(join(tmpdir(), 'streampay-bench-model-'))
  const home = join(folder, 'chain')
  const model = await startModelServer({ port: 0 })
  const gateway = await openProcess<{ url: string; publicKey: string }>('./gateway/gatewayProcess.ts', {
    ...{ ...terms, home, upstream: model.url },
    ledger: join(folder, 'ledger.db'),
  } satisfies GatewayOrder)
  const paying = await openProcess<{ url: string }>('./proxy/payingProcess.ts', {
    ...{ home, folder, ahead },
    to: gateway.ready.url,
    payee: gateway.ready.publicKey,
  } satisfies PayingOrder)
  return {
    freeUrl: model.url,
    paidUrl: paying.ready.url,
    trade: () => paying.ask('trade'),
    accounts: () => gateway.ask('accounts'),
    close: async () => {
      await paying.close()
      await Promise.all([gateway.close(), model.close()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What Python's `openai`, unchanged, read of an answer. */
export interface Chat {
  readonly text: string
  /** As the usage at its end says. */
  readonly tokens: number
  /** Between the tokens, in ms. */
  readonly gaps: readonly number[]
}

const CLIENT = fileURLToPath(new URL('../../test/proxy/chat.py', import.meta.url))

/** @throws Error with what the client raised */
export async function chat(base: string, asked: object): Promise<Chat> {
  const { stdout } = await promisify(execFile)(PYTHON, [CLIENT, `${base}/v1`, 'any', JSON.stringify(asked)])
  const read = JSON.parse(stdout) as Chat & { readonly error?: string }
  if (read.error !== undefined) throw new Error(read.error)
  return read
}
