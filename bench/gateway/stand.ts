import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LightningNode } from '../../src/lightning/node.ts'
import { type Msat, max, msat, ZERO } from '../../src/money/msat.ts'
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
  /** The most that the gateway ever had delivered unpaid on one agreement, in msat. */
  maxUnpaid(): Promise<Msat>
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
    maxUnpaid: async () => {
      const accounts = await gateway.ask<readonly ShopAccount[]>('accounts')
      return accounts.map(({ maxUnpaid }) => msat(BigInt(maxUnpaid))).reduce(max, ZERO)
    },
    close: async () => {
      await Promise.all([gateway.close(), proxy.close(), upstream.close()])
      await pair.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
