import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { openWebSocket } from '../../src/buyer/requests/websocket.ts'
import { acceptUpgrades } from '../../src/gateway/websocket/upgrade.ts'
import { caddy, nginx, type ProxyProgram, type ProxySettings } from '../faults/proxies.ts'
import { atEnd, openStand, upstream } from './stand.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`../cli/fixtures/${name}`, import.meta.url))
const tls = { cert: fixture('loopback.cert.pem'), key: fixture('loopback.key.pem') }

/** As docs/gateway.md has them. */
const RECIPES: ReadonlyArray<readonly [ProxyProgram, ProxySettings]> = [
  [
    nginx,
    {
      pass: `proxy_http_version 1.1; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_request_buffering off; proxy_read_timeout 1h;`,
      whole: `map $http_upgrade $connection_upgrade { default upgrade; '' ''; }`,
    },
  ],
  [caddy, { pass: 'flush_interval -1' }],
]

describe.each(RECIPES)('the gateway behind $name', (program, recipe) => {
  const { missing } = program
  const because = missing === undefined ? '' : ` (skipped: ${missing})`

  test.skipIf(missing)(
    `by the recipe, streams pass at once, and each client is an address of its own${because}`,
    async () => {
      const events = await eventsThatStop()
      const { url, stand } = await behind(program, recipe, [
        { path: '/events', upstream: events, price: '1 sat/KiB' },
        { path: '/few', upstream: events, price: '1 sat/KiB', free: '1 request/day' },
      ])
      await expectFirstEvent(await stand.buyer().fetch(`${url}/events`))
      const status = async (address: string) => {
        const response = await fetch(`${url}/few`, { headers: { 'x-forwarded-for': address } })
        await response.body?.cancel()
        return response.status
      }
      // What a client writes into the header itself is not believed.
      expect([await status('203.0.113.1'), await status('203.0.113.2')]).toEqual([200, 402])
    },
  )

  test.skipIf(missing)(`by the recipe, WebSockets are paid and pass${because}`, async () => {
    const { url, stand } = await behind(program, recipe, [
      { path: '/feed', upstream: await echo(), price: '1 sat/message' },
    ])
    await expectEcho(stand.buyer(), `${url.replace('http', 'ws')}/feed`)
  })

  test.skipIf(missing)(`by the recipe, uploads pass as they come, and are paid${because}`, async () => {
    const came = Promise.withResolvers<string>()
    const counting = await upstream(async (request, response) => {
      let bytes = 0
      for await (const part of request as AsyncIterable<Buffer>) {
        came.resolve(part.toString())
        bytes += part.length
      }
      response.end(`${bytes}`)
    })
    const { url, stand } = await behind(program, recipe, [
      { path: '/free', upstream: counting, price: 'free' },
      { path: '/paid', upstream: counting, price: { upload: '1 sat/4 KiB' } },
    ])
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('first'))
        // The second follows only when the service behind both has the first.
        expect(await came.promise).toBe('first')
        controller.enqueue(new TextEncoder().encode('second'))
        controller.close()
      },
    })
    const free = await fetch(`${url}/free`, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect(await free.text()).toBe('11')
    const buyer = stand.buyer({ ahead: '50 sat' })
    const paid = await buyer.fetch(`${url}/paid`, { method: 'POST', body: 'x'.repeat(64 * 1024) })
    expect(await paid.text()).toBe(`${64 * 1024}`)
    const [closing] = await buyer.close()
    expect(closing!.statement.delivered).toBe(16_000n)
  })

  test.skipIf(missing)(`that speaks TLS: streams and WebSockets are paid and pass${because}`, async () => {
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, readFileSync(tls.cert, 'utf8')])
    atEnd(() => setDefaultCACertificates(before))
    const { url, stand } = await behind(program, { ...recipe, tls }, [
      { path: '/events', upstream: await eventsThatStop(), price: '1 sat/KiB' },
      { path: '/feed', upstream: await echo(), price: '1 sat/message' },
    ])
    expect(url).toMatch(/^https:/)
    const buyer = stand.buyer()
    await expectFirstEvent(await buyer.fetch(`${url}/events`))
    await expectEcho(buyer, `${url.replace('http', 'ws')}/feed`)
  })
})

async function behind(
  program: ProxyProgram,
  settings: ProxySettings,
  routes: NonNullable<Parameters<typeof openStand>[0]['routes']>,
) {
  const stand = await openStand({ listen: { trustProxy: 1 }, routes })
  const upgrades = acceptUpgrades(stand.server.server, stand.gateway)
  atEnd(() => upgrades.close())
  const proxy = await program.start(stand.url, settings)
  atEnd(proxy.end)
  return { url: proxy.url, stand }
}

/** The rest never comes: what is there must pass by itself. */
const eventsThatStop = (): Promise<string> =>
  upstream((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: one\n\n')
  })

async function expectFirstEvent(response: Response): Promise<void> {
  const reader = response.body!.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: one\n\n')
  await reader.cancel()
}

async function echo(): Promise<string> {
  const feed = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  feed.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  await once(feed, 'listening')
  atEnd(() => feed.close())
  return `http://127.0.0.1:${(feed.address() as AddressInfo).port}`
}

async function expectEcho(buyer: Parameters<typeof openWebSocket>[0], url: string): Promise<void> {
  const socket = await openWebSocket(buyer, url)
  await socket.send('hello')
  for await (const message of socket) {
    expect(message).toBe('hello')
    break
  }
  await socket.close()
}
