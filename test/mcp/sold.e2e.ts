import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import type { RunningServer } from '../../src/seller/adapters/node.ts'
import { amount, commands, type Running, tempFolder } from '../cli/command.ts'
import { serveTools } from './service.ts'

const home = tempFolder()
const { start } = commands(home)
let tools: RunningServer
let node: LightningNode
let seller: Running
let url: string

beforeAll(async () => {
  tools = await serveTools()
  const file = join(home, 'streampay.config.yaml')
  writeFileSync(
    file,
    `listen: { port: 0 }
routes:
  - { name: shouting, path: /mcp, tool: shout, upstream: ${tools.url}, price: 5 sat/request }
  - { name: tools, path: /mcp, tool: '*', upstream: ${tools.url}, price: 2 sat/request }
  - { name: rest, path: /mcp, upstream: ${tools.url}, price: free }
`,
  )
  seller = start('sell', '--config', file, '--json')
  const selling = await seller.event('selling')
  expect(selling).toMatchObject({
    routes: [{ path: '/mcp (tool shout)' }, { path: '/mcp (tool *)' }, { path: '/mcp', price: 'free' }],
  })
  url = selling.url as string
  node = await createEmbeddedNode({ home: join(home, 'state', 'regtest'), name: 'agent' })
})
afterAll(async () => {
  await node.close()
  await tools.close(0)
})

test('the tools of a real MCP server, sold by the call on real nodes', async () => {
  const buyer = createBuyer({ node, max: '50 sat', maxPrice: '5 sat/request', ahead: '10 sat' })
  const client = new Client({ name: 'agent', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { fetch: buyer.fetch }))
  expect((await client.listTools()).tools).toHaveLength(3)
  expect(buyer.spent).toBe(0n)
  const call = async (name: string) => (await client.callTool({ name, arguments: { text: 'Four' } })).content
  expect(await call('shout')).toEqual([{ type: 'text', text: 'FOUR' }])
  expect(await call('count')).toEqual([{ type: 'text', text: '4' }])
  expect(await call('whisper')).toEqual([{ type: 'text', text: 'four' }])
  await client.listTools()
  await client.close()
  const closings = await buyer.close()
  expect(closings.map(({ dispute }) => dispute)).toEqual([undefined, undefined])
  expect(closings.map(({ statement }) => statement.delivered).sort()).toEqual([4000n, 5000n])
  seller.signal('SIGINT')
  const { last } = await seller.end()
  const streams = last.streams as readonly { readonly delivered: string; readonly price: string }[]
  expect(streams.map(({ delivered, price }) => [price, amount(delivered)]).sort()).toEqual([
    ['2 sat/request', 4000n],
    ['5 sat/request', 5000n],
  ])
})
