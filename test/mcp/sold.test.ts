import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import type { Buyer } from '../../src/buyer/buyer.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { atEnd, openStand, type Stand } from '../gateway/stand.ts'
import { serveTools } from './service.ts'

async function openShop(): Promise<Stand> {
  const tools = await serveTools()
  atEnd(() => tools.close(0))
  const upstream = tools.url
  return openStand({
    routes: [
      { name: 'shouting', path: '/mcp', tool: 'shout*', upstream, price: '5 sat/request' },
      { name: 'tools', path: '/mcp', tool: '*', upstream, price: '2 sat/request' },
      { name: 'rest', path: '/mcp', upstream, price: 'free' },
    ],
  })
}

async function connect(url: string, fetch: typeof globalThis.fetch, modern: boolean): Promise<Client> {
  const client = new Client(
    { name: 'agent', version: '1.0.0' },
    modern ? { versionNegotiation: { mode: 'auto' } } : undefined,
  )
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { fetch }))
  atEnd(() => client.close())
  return client
}

const received = (buyer: Buyer) => buyer.trades.reduce((sum, trade) => sum + trade.received, 0n)

for (const modern of [false, true]) {
  test(`a tool is paid for by the call, and only by the call (${modern ? '2026-07-28' : 'the handshake of before'})`, async () => {
    const { url, buyer: make } = await openShop()
    const buyer = make()
    const client = await connect(url, buyer.fetch, modern)
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['count', 'shout', 'whisper'])
    expect(buyer.trades).toEqual([])
    const call = async (name: string, text: string) => {
      const before = received(buyer)
      const { content } = await client.callTool({ name, arguments: { text } })
      return [content, received(buyer) - before]
    }
    expect(await call('count', 'four')).toEqual([[{ type: 'text', text: '4' }], 2000n])
    expect(await call('shout', 'four')).toEqual([[{ type: 'text', text: 'FOUR' }], 5000n])
    expect(await call('whisper', 'FOUR')).toEqual([[{ type: 'text', text: 'four' }], 2000n])
    // On the same path, with the credential of what was paid for: it costs nothing, by both sides' books.
    await client.listTools()
    expect(received(buyer)).toBe(9000n)
    const closings = await buyer.close()
    expect(closings.map(({ dispute }) => dispute)).toEqual(closings.map(() => undefined))
    expect(closings.reduce((sum, { statement }) => sum + statement.delivered, 0n)).toBe(9000n)
  })
}

const post = (url: string, body: string) =>
  fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body,
  })
const CALL = '"method":"tools/call"'
const NAMED = '"params":{"name":"shout","arguments":{"text":"x"}}'

test.each([
  ['a batch', `[{"jsonrpc":"2.0","id":1,${CALL},${NAMED}}]`],
  ['two methods', `{"jsonrpc":"2.0","id":1,"method":"tools/list",${CALL},${NAMED}}`],
  [
    'two methods, far from their colons',
    `{"id":1,"method"${' '.repeat(500)}:"tools/list","method":"tools/call",${NAMED}}`,
  ],
  ['a method in other letters', `{"id":1,"Method":"tools/call",${NAMED}}`],
  ['an escaped second method', `{"id":1,"method":"ping","\\u006dethod":"tools/call",${NAMED}}`],
  ['two tools', `{"id":1,${CALL},"params":{"name":"count","name":"shout"}}`],
  ['two tools, in two objects', `{"id":1,${CALL},"params":{"name":"count"},"params":{"name":"shout"}}`],
  ['a tool in other letters', `{"id":1,${CALL},"params":{"name":"count","NAME":"shout"}}`],
  ['no tool', `{"id":1,${CALL},"params":{}}`],
  ['a tool that is a list', `{"id":1,${CALL},"params":{"name":["shout"]}}`],
  ['a name without an end', `{"id":1,${CALL},"params":{"name":"${'x'.repeat(1000)}"}}`],
  ['no JSON', `{"id":1,${CALL},${NAMED}`],
  [
    'bytes that are no text',
    Buffer.from(`{"id":1,${CALL},"params":{"name":"sh\xffout"}}`, 'latin1').toString('latin1'),
  ],
])('%s is refused, and never goes through the free route', async (what, body) => {
  const { url, events } = await openShop()
  const bytes = what.startsWith('bytes') ? Buffer.from(body, 'latin1') : body
  const response = await post(url, bytes as string)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ code: 'request-refused' })
  expect(events.filter(({ type }) => type === 'request')).toMatchObject([{ status: 400 }])
})

test('what asks for no call has the route after it: notifications, answers, and requests without a body', async () => {
  const { url } = await openShop()
  expect((await post(url, '{"jsonrpc":"2.0","method":"notifications/initialized"}')).status).toBe(202)
  expect((await post(url, `{"jsonrpc":"2.0","id":1,${CALL},${NAMED}}`)).status).toBe(402)
  expect((await fetch(`${url}/mcp`)).status).not.toBe(402)
})

test('any JSON-RPC method can have its price', async () => {
  const upstream = await serve(async (request) => Response.json(await request.json()), { port: 0 })
  atEnd(() => upstream.close(0))
  const { url } = await openStand({
    routes: [
      { path: '/', rpc: 'eth_call', upstream: upstream.url, price: '1 sat/request' },
      { path: '/', rpc: 'eth_*', upstream: upstream.url, price: 'free' },
    ],
  })
  const ask = (method: string) => fetch(url, { method: 'POST', body: JSON.stringify({ id: 1, method, params: [] }) })
  expect((await ask('eth_call')).status).toBe(402)
  expect((await ask('eth_chainId')).status).toBe(200)
  expect((await ask('net_version')).status).toBe(404)
})
