import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LightningNode } from '../../src/lightning/node.ts'
import type { ShopAccount } from '../account.ts'
import { embeddedPair } from '../nodes.ts'
import { openProcess } from '../process.ts'
import type { GatewayOrder } from './gatewayProcess.ts'
import type { UpstreamOrder } from './upstreamProcess.ts'

/** One upstream, and in front of it a gateway and a plain proxy, each a process of its own. */
export interface Stand {
  /** Of the buyer, in this process. */
  readonly node: LightningNode
  readonly gateway: Hop
  readonly proxy: Hop
  accounts(): Promise<readonly ShopAccount[]>
  close(): Promise<void>
}

/** What lies between a reader and the upstream. */
export interface Hop {
  readonly url: string
  /** Spent by its process so far. */
  cpuMs(): Promise<number>
}

export async function openStand(served: UpstreamOrder, terms: Pick<GatewayOrder, 'price' | 'credit'>): Promise<Stand> {
  const pair = await embeddedPair()
  const folder = mkdtempSync(join(tmpdir(), 'streampay-bench-gateway-'))
  const upstream = await openProcess<{ url: string }>('./gateway/upstreamProcess.ts', served)
  const behind = { upstream: upstream.ready.url }
  const proxy = await openProcess<{ url: string }>('./gateway/proxyProcess.ts', behind)
  const order = { ...terms, ...behind, home: pair.home, ledger: join(folder, 'ledger.db') }
  const gateway = await openProcess<{ url: string; publicKey: string }>('./gateway/gatewayProcess.ts', order)
  await pair.connect(gateway.ready.publicKey)
  return {
    node: pair.buyer,
    gateway: { url: gateway.ready.url, cpuMs: () => gateway.ask('cpuMs') },
    proxy: { url: proxy.ready.url, cpuMs: () => proxy.ask('cpuMs') },
    accounts: () => gateway.ask('accounts'),
    close: async () => {
      await Promise.all([gateway.close(), proxy.close(), upstream.close()])
      await pair.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
