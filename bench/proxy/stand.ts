import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openProcess } from '../process.ts'
import { openShop, type Shop, type ShopOrder } from '../shop.ts'
import type { PaidTrade, PayingOrder } from './payingProcess.ts'

/** A seller, and in front of it the paying proxy, and a plain forwarder in front of the same seller without its paywall. */
export interface ProxyStand {
  readonly shop: Shop
  readonly paying: Forwarder & { trade(): Promise<PaidTrade> }
  readonly plain: Forwarder
  close(): Promise<void>
}

export interface Forwarder {
  readonly url: string
  /** Spent by its process so far. */
  cpuMs(): Promise<number>
}

export async function openProxyStand(
  order: Omit<ShopOrder, 'node' | 'ledger'>,
  { ahead }: Pick<PayingOrder, 'ahead'>,
): Promise<ProxyStand> {
  const folder = mkdtempSync(join(tmpdir(), 'streampay-bench-proxy-'))
  const home = join(folder, 'chain')
  const shop = await openShop({ ...order, node: `embedded:${home}`, ledger: join(folder, 'ledger.db') })
  const plain = await openProcess<{ url: string }>('./gateway/proxyProcess.ts', { upstream: shop.freeUrl })
  const paying = await openProcess<{ url: string }>('./proxy/payingProcess.ts', {
    ...{ home, folder, ahead },
    to: shop.url,
    payee: shop.publicKey,
  } satisfies PayingOrder)
  return {
    shop,
    paying: { url: paying.ready.url, cpuMs: () => paying.ask('cpuMs'), trade: () => paying.ask('trade') },
    plain: { url: plain.ready.url, cpuMs: () => plain.ask('cpuMs') },
    close: async () => {
      await paying.close()
      await Promise.all([plain.close(), shop.close()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Reads an answer to its end, with as little of this process as can be. @returns its bytes */
export async function readAll(url: string): Promise<number> {
  const outgoing = request(url, { agent })
  outgoing.end()
  const [incoming] = await once(outgoing, 'response')
  if (incoming.statusCode !== 200) throw new Error(`${url} answered ${incoming.statusCode}`)
  let bytes = 0
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await once(incoming, 'end')
  return bytes
}
