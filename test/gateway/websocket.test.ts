import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { openWebSocket } from '../../src/buyer/requests/websocket.ts'
import { acceptUpgrades } from '../../src/gateway/websocket/upgrade.ts'
import { msat } from '../../src/money/msat.ts'
import { byCharge, byL402, offeredBy } from '../schemes/offered.ts'
import { atEnd, openStand } from './stand.ts'

/** A service whose sockets do as `serve` says. */
async function feed(serve: (socket: WebSocket, headers: NodeJS.Dict<string | string[]>) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: (all) => [...all][0] ?? false })
  server.on('connection', (socket, request) => serve(socket, request.headers))
  await once(server, 'listening')
  atEnd(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const echo = () => feed((socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))

async function stand(upstream: string, price: string, grace = '30s') {
  const opened = await openStand({ routes: [{ name: 'feed', upstream, price, grace }] })
  const upgrades = acceptUpgrades(opened.server.server, opened.gateway)
  atEnd(() => upgrades.close())
  return { ...opened, ws: opened.url.replace('http', 'ws') }
}

test.each([
  ['1 sat/KiB', 2 * (5 + 3000)],
  ['1 sat/message', 4],
  ['2 sat/request', 1],
])('messages of both directions cross, text and bytes, and are paid: %s', async (price, steps) => {
  const { buyer, ws } = await stand(await echo(), price)
  const payer = buyer()
  const socket = await openWebSocket(payer, `${ws}/quotes?x=1`, { protocols: ['v1'] })
  expect(socket.protocol).toBe('v1')
  await socket.send('hello')
  await socket.send(new Uint8Array(3000).fill(7))
  const messages: (string | Uint8Array)[] = []
  for await (const message of socket) {
    messages.push(message)
    if (messages.length === 2) break
  }
  expect(messages).toEqual(['hello', new Uint8Array(3000).fill(7)])
  await socket.close()
  const [closing] = await payer.close()
  expect(closing?.dispute).toBeUndefined()
  expect(closing?.statement.steps).toBe(BigInt(steps))
})

test('an upgrade without a credential gets the offer; the upstream never sees a credential', async () => {
  let seen: NodeJS.Dict<string | string[]> = {}
  const upstream = await feed((socket, headers) => {
    seen = headers
    socket.send('one')
    socket.close(1000)
  })
  const { buyer, ws } = await stand(upstream, '1 sat/message')
  const bare = new WebSocket(ws)
  const [, answer] = await once(bare, 'unexpected-response')
  expect(answer.statusCode).toBe(402)
  expect(answer.headers['www-authenticate']).toMatch(/^Payment /)
  const socket = await openWebSocket(buyer(), ws)
  const messages: (string | Uint8Array)[] = []
  for await (const message of socket) messages.push(message)
  expect(messages).toEqual(['one'])
  expect(seen.authorization).toBeUndefined()
})

test('by the second: the clock of the connection is what is paid', async () => {
  const upstream = await feed((socket) => {
    const timer = setInterval(() => socket.send('tick'), 20)
    socket.on('close', () => clearInterval(timer))
  })
  const { buyer, ws } = await stand(upstream, '10 sat/second')
  const payer = buyer()
  const socket = await openWebSocket(payer, ws)
  let ticks = 0
  for await (const _ of socket) if (++ticks === 20) break
  await socket.close()
  const [closing] = await payer.close()
  expect(closing?.dispute).toBeUndefined()
  expect(closing?.statement.steps).toBeGreaterThan(300n)
})

test('when nobody pays any more the upstream is held, and both sides are closed after the grace', async () => {
  let closed: number | undefined
  let sent = 0
  const upstream = await feed((socket) => {
    const timer = setInterval(() => {
      socket.send(Buffer.alloc(1024))
      sent++
    }, 2)
    socket.on('close', (code) => {
      closed = code
      clearInterval(timer)
    })
  })
  const { buyer, ws, events } = await stand(upstream, '1 sat/KiB', '300ms')
  const payer = buyer({ max: '20 sat', ahead: '8 sat' })
  const socket = await openWebSocket(payer, ws)
  let received = 0
  const read = async () => {
    for await (const message of socket) received += message.length
  }
  await expect(read()).rejects.toMatchObject({ code: expect.stringMatching(/budget-exhausted|stream-interrupted/) })
  await expect.poll(() => closed).toBeDefined()
  expect(received).toBeLessThanOrEqual(20 * 1024)
  const account = events.find((event) => event.type === 'opened')
  if (account?.type === 'opened') expect(account.account.gate.maxUnpaid).toBe(0n)
  expect(sent).toBeGreaterThan(0)
})

test('both sides send more than fits anywhere at once, and nobody waits for the other for ever', async () => {
  const { buyer, ws } = await stand(await echo(), '1 msat/KiB')
  const socket = await openWebSocket(buyer({ ahead: '50 sat' }), ws)
  const count = 200
  const sending = Promise.all(Array.from({ length: count }, () => socket.send(new Uint8Array(65_536))))
  let received = 0
  for await (const message of socket) {
    received += message.length
    if (received === count * 65_536) break
  }
  await sending
  await socket.close()
})

test('an upstream that opens none is a 502, and costs nothing', async () => {
  const { buyer, ws } = await stand('http://127.0.0.1:9', '2 sat/request')
  const payer = buyer()
  await expect(openWebSocket(payer, ws)).rejects.toMatchObject({ code: 'seller-failed', details: { status: '502' } })
  expect((await payer.close())[0]?.statement.delivered).toBe(0n)
})

test('what a WebSocket cannot count is not sold as one', async () => {
  const { buyer, ws } = await stand(await echo(), '1 sat/image')
  await expect(openWebSocket(buyer(), ws)).rejects.toMatchObject({ details: { status: '400' } })
})

/** By each of the field's schemes. */
const FIRST = ['session', 'charge', 'l402'] as const
type First = (typeof FIRST)[number]

async function paidFirst(upstream: string, price: string, schemes: readonly First[], allowance?: string) {
  const route = { name: 'feed', upstream, price, schemes: [...schemes], ...(allowance !== undefined && { allowance }) }
  const opened = await openStand({ routes: [route] })
  const upgrades = acceptUpgrades(opened.server.server, opened.gateway)
  atEnd(() => upgrades.close())
  return { ...opened, ws: opened.url.replace('http', 'ws') }
}

/** What a bare upgrade is told. */
async function refused(ws: string): Promise<Response> {
  const [, answer] = await once(new WebSocket(ws), 'unexpected-response')
  const headers = new Headers()
  for (let i = 0; i < answer.rawHeaders.length; i += 2) headers.append(answer.rawHeaders[i], answer.rawHeaders[i + 1])
  answer.resume()
  return new Response(null, { status: answer.statusCode, headers })
}

test.each(FIRST)('our buyer pays a WebSocket by %s', async (scheme) => {
  const { buyer, ws, nodes } = await paidFirst(await echo(), '1 sat/message', [scheme])
  const payer = buyer()
  const socket = await openWebSocket(payer, ws)
  await socket.send('hello')
  for await (const message of socket) {
    expect(message).toBe('hello')
    break
  }
  await socket.close()
  await payer.close()
  const left = nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  const earned = nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  expect([earned, left]).toEqual([20_000n, scheme === 'session' ? 18_000n : 0n])
})

test('a client of another shows its L402 token with the upgrade, and has what it paid for, to the message', async () => {
  let seen: NodeJS.Dict<string | string[]> = {}
  const upstream = await feed((socket, headers) => {
    seen = headers
    socket.on('message', (data, binary) => socket.send(data, { binary }))
  })
  const { ws, nodes } = await paidFirst(upstream, '1 sat/message', ['l402'], '5 sat')
  const offered = offeredBy(await refused(ws))
  expect(offered.names).toEqual(['l402'])
  const outcome = await nodes.buyer.pay({ request: offered.l402().invoice, maxFee: msat(0n), timeoutMs: 10_000 })
  if (outcome.status !== 'settled') throw new Error('not paid')
  const headers = byL402(offered, outcome.preimage)
  const client = new WebSocket(ws, { headers })
  const got: string[] = []
  client.on('message', (data) => {
    got.push(`${data}`)
    client.send('again')
  })
  await once(client, 'open')
  client.send('hello')
  const [code, reason] = await once(client, 'close')
  // Five messages: three of the client's, and two that came back.
  expect(got).toEqual(['hello', 'again'])
  expect([code, `${reason}`]).toEqual([4402, expect.stringMatching(/\w/)])
  expect(JSON.stringify(seen)).not.toContain(outcome.preimage)
  const [, answer] = await once(new WebSocket(ws, { headers }), 'unexpected-response')
  expect(answer.statusCode, 'it is used up').toBe(402)
})

test('a charge opens one WebSocket', async () => {
  const { ws, nodes } = await paidFirst(await echo(), '1 sat/message', ['charge'])
  const offered = offeredBy(await refused(ws))
  const outcome = await nodes.buyer.pay({ request: offered.invoice(), maxFee: msat(0n), timeoutMs: 10_000 })
  if (outcome.status !== 'settled') throw new Error('not paid')
  const headers = byCharge(offered, outcome.preimage)
  const client = new WebSocket(ws, { headers })
  await once(client, 'open')
  const [, answer] = await once(new WebSocket(ws, { headers }), 'unexpected-response')
  expect(answer.statusCode).toBe(402)
  client.close()
  await once(client, 'close')
})

test('what a WebSocket cannot count is not offered either: whoever pays first would have paid for nothing', async () => {
  const { ws, nodes } = await paidFirst(await echo(), '1 sat/image', ['l402'])
  expect((await refused(ws)).status).toBe(400)
  expect(nodes.seller.requests).toEqual([])
})

test('an upstream that opens none uses up no charge', async () => {
  const { buyer, ws } = await paidFirst('http://127.0.0.1:9', '2 sat/request', ['charge'])
  const payer = buyer()
  await expect(openWebSocket(payer, ws)).rejects.toMatchObject({ code: 'seller-failed', details: { status: '502' } })
})
