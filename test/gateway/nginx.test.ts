import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { openWebSocket } from '../../src/buyer/websocket.ts'
import { acceptUpgrades } from '../../src/gateway/websocket/upgrade.ts'
import { missingNginx, startNginx } from '../faults/nginx.ts'
import { atEnd, openStand, upstream } from './stand.ts'

const skip = missingNginx()
/** As docs/gateway.md has it. */
const LOCATION = `proxy_http_version 1.1; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_request_buffering off; proxy_read_timeout 1h;`
const MAP = `map $http_upgrade $connection_upgrade { default upgrade; '' ''; }`

describe.skipIf(skip)(`the gateway behind nginx${skip ? ` (skipped: ${skip})` : ''}`, () => {
  test('by the recipe: WebSockets and streams pass, and each client is an address of its own', async () => {
    const feed = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    feed.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
    await once(feed, 'listening')
    atEnd(() => feed.close())
    const events = await upstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: one\n\n')
      // The rest never comes: what is there must pass by itself.
    })
    const stand = await openStand({
      listen: { trustProxy: 1 },
      routes: [
        { path: '/feed', upstream: `http://127.0.0.1:${(feed.address() as AddressInfo).port}`, price: '1 sat/message' },
        { path: '/events', upstream: events, price: '1 sat/KiB' },
        { path: '/few', upstream: events, price: '1 sat/KiB', free: '1 request/day' },
      ],
    })
    const upgrades = acceptUpgrades(stand.server.server, stand.gateway)
    atEnd(() => upgrades.close())
    const nginx = await startNginx(stand.url, LOCATION, MAP)
    atEnd(nginx.end)
    const buyer = stand.buyer()
    const socket = await openWebSocket(buyer, `${nginx.url.replace('http', 'ws')}/feed`)
    await socket.send('hello')
    for await (const message of socket) {
      expect(message).toBe('hello')
      break
    }
    await socket.close()
    const reader = (await buyer.fetch(`${nginx.url}/events`)).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: one\n\n')
    await reader.cancel()
    const status = async (address: string) => {
      const response = await fetch(`${nginx.url}/few`, { headers: { 'x-forwarded-for': address } })
      await response.body?.cancel()
      return response.status
    }
    // What a client writes into the header itself is not believed.
    expect([await status('203.0.113.1'), await status('203.0.113.2')]).toEqual([200, 402])
  })
})
