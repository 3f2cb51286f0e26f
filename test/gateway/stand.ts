import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from 'vitest'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import { checkConfig } from '../../src/gateway/config/read.ts'
import type { GatewayConfigInput } from '../../src/gateway/config/schema.ts'
import { Gateway, type GatewayEvent, type GatewayParts } from '../../src/gateway/gateway.ts'
import { type ScriptedNode, scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'

const ending: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})
export const atEnd = (end: () => Promise<unknown> | unknown): void => void ending.push(end)

/** A gateway on loopback with scripted nodes on both sides. */
export interface Stand {
  readonly gateway: Gateway
  readonly server: RunningServer
  readonly url: string
  readonly events: GatewayEvent[]
  readonly nodes: { readonly buyer: ScriptedNode; readonly seller: ScriptedNode }
  buyer(options?: Partial<BuyerOptions>): Buyer
}

export async function openStand(config: GatewayConfigInput, parts: Partial<GatewayParts> = {}): Promise<Stand> {
  const nodes = scriptedPair()
  const events: GatewayEvent[] = []
  const openSeller = async () => ({ node: nodes.seller })
  const gateway = await Gateway.open(checkConfig(config), { openSeller, ...parts }, (event) => events.push(event))
  atEnd(() => gateway.close())
  const server = await serve((request) => gateway.handle(request), { port: 0 })
  atEnd(() => server.close(0))
  const buyer = (options: Partial<BuyerOptions> = {}): Buyer => {
    const made = createBuyer({ node: nodes.buyer, max: '1000 sat', ahead: '10 sat', ...options })
    atEnd(() => made.close({ keep: true }))
    return made
  }
  return { gateway, server, url: server.url, events, nodes, buyer }
}

/** A service that knows nothing of payments. */
export async function upstream(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
