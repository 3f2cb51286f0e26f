import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { acceptUpgrades } from '../../src/gateway/websocket/upgrade.ts'
import type { SchemeName } from '../../src/wire/challenges.ts'
import { atEnd, openStand } from '../gateway/stand.ts'
import { openProxyStand, type ProxySettings } from './stand.ts'

/** A service whose sockets do as `serve` says. */
async function feed(serve: (socket: WebSocket) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: (all) => [...all][0] ?? false })
  server.on('connection', serve)
  await once(server, 'listening')
  atEnd(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function sold(upstream: string, price: string, settings: ProxySettings = {}, schemes?: SchemeName[]) {
  const stand = await openStand({ routes: [{ name: 'feed', upstream, price, ...(schemes && { schemes }) }] })
  const upgrades = acceptUpgrades(stand.server.server, stand.gateway)
  atEnd(() => upgrades.close())
  const proxy = await openProxyStand(stand, settings)
  return { stand, proxy, at: `ws://127.0.0.1:${proxy.port}/pay/${stand.url.replace('http', 'ws')}/quotes` }
}

const echo = () => feed((socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))

test('messages of both directions go through, text and bytes, and are paid', async () => {
  const { proxy, at } = await sold(await echo(), '1 sat/message')
  const socket = new WebSocket(at, ['v1', 'v2'])
  const messages: (string | Buffer)[] = []
  socket.on('message', (data: Buffer, binary) => messages.push(binary ? data : data.toString()))
  await once(socket, 'open')
  expect(socket.protocol).toBe('v1')
  socket.send('hello')
  socket.send(Buffer.alloc(3000, 7))
  await expect.poll(() => messages.length).toBe(2)
  expect(messages).toEqual(['hello', Buffer.alloc(3000, 7)])
  socket.close()
  await expect.poll(() => proxy.purses.trades[0]!.trade.active).toBe(0)
  await proxy.purses.close()
  expect(proxy.events.at(-1)).toMatchObject({ type: 'closed', closing: { statement: { steps: 4n } } })
})

test('one that is not paid any more is closed, with the reason', async () => {
  const upstream = await feed((socket) => {
    const timer = setInterval(() => socket.send('tick'), 1)
    socket.on('close', () => clearInterval(timer))
  })
  const { proxy, at } = await sold(upstream, '1 sat/message', { max: '20 sat', ahead: '5 sat' })
  const socket = new WebSocket(at)
  const [headers] = await once(socket, 'upgrade')
  const [code, reason] = await once(socket, 'close')
  expect(code).toBeGreaterThanOrEqual(1011)
  expect(reason.toString()).toMatch(/budget-exhausted|stream-interrupted/)
  const id = headers.headers['streampay-request']
  const record = await (await fetch(`${proxy.url}/.streampay/requests/${id}`)).json()
  expect(record).toMatchObject({ method: 'WebSocket', state: 'failed' })
  expect(proxy.purses.trades[0]!.trade.paid).toBeLessThanOrEqual(20_000n)
})

test.each([
  ['/pay/http://10.0.0.1/', {}, 403],
  ['/pay/http://127.0.0.1:1/', {}, 502],
  ['/pay/SELLER/', { origin: 'https://evil.example' }, 403],
  ['/pay/SELLER/', { 'streampay-token': 'spt_wrong' }, 401],
])('an upgrade at %s with %j is refused as a request is', async (path, headers, status) => {
  const { stand, proxy } = await sold(await echo(), '1 sat/message')
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}${path.replace('SELLER', stand.url)}`, { headers })
  const [, answer] = await once(socket, 'unexpected-response')
  expect(answer.statusCode).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  answer.destroy()
})

test('a seller that wants to be paid first is: a token opens one socket after the other', async () => {
  const { stand, proxy, at } = await sold(await echo(), '1 sat/message', {}, ['l402'])
  for (const word of ['one', 'two']) {
    const socket = new WebSocket(at)
    await once(socket, 'open')
    socket.send(word)
    const [data] = await once(socket, 'message')
    expect(`${data}`).toBe(word)
    socket.close()
    await once(socket, 'close')
  }
  expect(proxy.purses.prepaid).toMatchObject([{ prepaid: { scheme: 'l402', uses: 2, state: 'open' } }])
  expect(stand.nodes.seller.settlements).toMatchObject([{ amount: 20_000n }])
})
