import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkConfig } from '../../src/gateway/config/read.ts'
import { openStand, upstream } from './stand.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'streampay-gateway-'))
  mkdirSync(join(folder, 'films'))
  writeFileSync(join(folder, 'films', 'one.txt'), 'a film')
  writeFileSync(join(folder, 'films', '.secret'), 'hidden')
  writeFileSync(join(folder, 'above.txt'), 'above')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const echo = (): Promise<string> =>
  upstream(async (request, response) => {
    const { method, url, headers } = request
    response.end(JSON.stringify({ method, url, headers, body: await text(request) }))
  })

const json = (url: string, body: object) => [url, { method: 'POST', body: JSON.stringify(body) }] as const

describe('routes', () => {
  test('each at its own price, by path, method, header and model; what no route has is not there', async () => {
    const url = await echo()
    const stand = await openStand({
      routes: [
        { name: 'large', path: '/v1/**', methods: ['POST'], model: 'large*', upstream: url, price: '5 sat/request' },
        {
          name: 'gold',
          path: '/v1/**',
          methods: ['POST'],
          headers: { 'x-tier': 'gold' },
          upstream: url,
          price: '3 sat/request',
        },
        { name: 'small', path: '/v1/**', methods: ['POST'], upstream: url, price: '1 sat/request' },
        { name: 'open', path: '/health', upstream: url, price: 'free' },
      ],
    })
    const buyer = stand.buyer()
    const spent = async (...[to, init]: readonly [string, RequestInit]) => {
      const before = buyer.trades.reduce((sum, { received }) => sum + received, 0n)
      const response = await buyer.fetch(to, init)
      expect(response.status).toBe(200)
      const { body } = (await response.json()) as { body: string }
      expect(body).toBe(init.body)
      return buyer.trades.reduce((sum, { received }) => sum + received, 0n) - before
    }
    expect(await spent(...json(`${stand.url}/v1/chat`, { model: 'Large-7b' }))).toBe(5000n)
    expect(await spent(...json(`${stand.url}/v1/chat`, { model: 'small' }))).toBe(1000n)
    const gold = { method: 'POST', body: '{}', headers: { 'x-tier': 'gold' } }
    expect(await spent(`${stand.url}/v1/other`, gold)).toBe(3000n)
    expect((await fetch(`${stand.url}/health`)).status).toBe(200)
    expect((await fetch(`${stand.url}/elsewhere`)).status).toBe(404)
    const refused = await fetch(`${stand.url}/v1/chat`)
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST'])
    expect(stand.gateway.routes.map(({ name, priced }) => [name, priced?.terms.scope])).toEqual([
      ['large', 'large'],
      ['gold', 'gold'],
      ['small', 'small'],
      ['open', undefined],
    ])
  })

  test.each([
    ['two models', '{"model":"small","MODEL":"large"}', {}],
    ['a compressed body', 'x', { 'content-encoding': 'gzip' }],
  ])('%s do not decide a price', async (_, body, headers) => {
    const url = await echo()
    const stand = await openStand({
      routes: [
        { model: 'large', upstream: url, price: '5 sat/request' },
        { upstream: url, price: '1 sat/request' },
      ],
    })
    const response = await fetch(stand.url, { method: 'POST', body, headers })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'request-refused' })
  })

  test.each(['/v1/d%65ar', '/v1//dear', '//v1/dear', '/V1/DEAR', '/v1/dear/', '/v1%2fdear', '/v1\\dear'])(
    'the dear path written as %s is not had for the price of the rest',
    async (path) => {
      const url = await echo()
      const stand = await openStand({
        routes: [
          { name: 'dear', path: '/v1/dear', upstream: url, price: '5 sat/request' },
          { upstream: url, price: '1 sat/request' },
        ],
      })
      await stand.buyer().fetch(stand.url + path)
      const [opened] = stand.events.filter((event) => event.type === 'opened')
      expect(opened).toMatchObject({ route: 'dear' })
    },
  )

  test('a folder below its path, with no dot files and nothing from above', async () => {
    const stand = await openStand({
      routes: [{ path: '/films/**', folder: join(folder, 'films'), price: 'free' }],
    })
    expect(await (await fetch(`${stand.url}/films/one.txt`)).text()).toBe('a film')
    for (const path of [
      '/films/.secret',
      '/films/..%2fabove.txt',
      '/films/%2e%2e/above.txt',
      '/one.txt',
      '/films/x/%2e%2e%2f%2e%2e/above.txt',
    ]) {
      expect((await fetch(stand.url + path)).status, path).toBe(404)
    }
  })
})

describe('what is free', () => {
  test('so many requests for each address, then they are sold', async () => {
    const url = await echo()
    const stand = await openStand({ routes: [{ upstream: url, price: '1 sat/request', free: '2 requests/day' }] })
    expect((await fetch(stand.url)).status).toBe(200)
    expect((await fetch(stand.url)).status).toBe(200)
    expect((await fetch(stand.url)).status).toBe(402)
    expect((await stand.buyer().fetch(stand.url)).status).toBe(200)
  })

  test('a request that failed was none', async () => {
    const url = await upstream((_, response) => response.writeHead(500).end())
    const stand = await openStand({ routes: [{ upstream: url, price: '1 sat/request', free: '1 request/day' }] })
    for (let i = 0; i < 3; i++) expect((await fetch(stand.url)).status).toBe(500)
  })
})

describe('the upstream', () => {
  test('gets its own key, and never the credential', async () => {
    const stand = await openStand({
      routes: [{ upstream: await echo(), upstreamHeaders: { authorization: 'Bearer own' }, price: '1 sat/request' }],
    })
    const response = await stand.buyer().fetch(stand.url, { headers: { 'x-forwarded-host': 'lies', 'x-a': '1' } })
    const { headers } = (await response.json()) as { headers: Record<string, string> }
    expect(headers).toMatchObject({
      authorization: 'Bearer own',
      'x-a': '1',
      'x-forwarded-host': new URL(stand.url).host,
    })
    expect(JSON.stringify(headers)).not.toContain('Payment')
  })

  test('adds to the price by its headers and its trailers, which the buyer does not see', async () => {
    const url = await upstream((_, response) => {
      response.writeHead(200, { 'stream-cost': '250 msat', trailer: 'Stream-Cost' })
      response.write('work')
      response.addTrailers({ 'Stream-Cost': '1 sat' })
      response.end()
    })
    const stand = await openStand({ routes: [{ upstream: url, price: { request: '2 sat', extra: '5 sat' } }] })
    const buyer = stand.buyer()
    const response = await buyer.fetch(stand.url)
    expect(await response.text()).toBe('work')
    expect(response.headers.has('stream-cost')).toBe(false)
    const [closing] = await buyer.close()
    expect(closing).toMatchObject({ statement: { delivered: 3250n } })
    expect(closing?.dispute).toBeUndefined()
  })

  test('counts in a unit of its own', async () => {
    const url = await upstream((_, response) => response.writeHead(200, { 'stream-units': '3' }).end('three images'))
    const stand = await openStand({ routes: [{ upstream: url, price: '2 sat/image' }] })
    const buyer = stand.buyer()
    expect(await (await buyer.fetch(stand.url)).text()).toBe('three images')
    expect((await buyer.close())[0]?.statement.delivered).toBe(6000n)
  })

  test.each([
    ['more than the route allows', { 'stream-cost': '6 sat' }],
    ['a price that is none', { 'stream-cost': 'much' }],
    ['units that are none', { 'stream-units': '-1' }],
  ])('%s is its mistake: 502, and nothing charged', async (_, headers) => {
    const url = await upstream((_request, response) => response.writeHead(200, headers).end('x'))
    const stand = await openStand({ routes: [{ upstream: url, price: { request: '2 sat', extra: '5 sat' } }] })
    const buyer = stand.buyer()
    const response = await buyer.fetch(stand.url)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ code: 'upstream-failed' })
    expect((await buyer.close())[0]?.statement.delivered).toBe(0n)
  })

  test('that fails costs nothing, also with a minimum', async () => {
    const url = await upstream((_, response) => response.writeHead(503, { 'stream-cost': '1 sat' }).end('no'))
    const price = { request: '2 sat', minimum: '3 sat', extra: '5 sat' }
    const stand = await openStand({ routes: [{ upstream: url, price }] })
    const buyer = stand.buyer()
    expect((await buyer.fetch(stand.url)).status).toBe(503)
    expect((await buyer.close())[0]?.statement.delivered).toBe(0n)
  })
})

describe('prices that change', () => {
  test('by hand and by another configuration: agreements that were made keep theirs', async () => {
    const url = await echo()
    const at = (price: string) => checkConfig({ routes: [{ name: 'all', upstream: url, price }] })
    const stand = await openStand({ routes: [{ name: 'all', upstream: url, price: '1 sat/request' }] })
    const early = stand.buyer()
    await early.fetch(stand.url)
    stand.gateway.setPrice('all', '2 sat/request')
    expect((await stand.buyer().price(stand.url))?.price.msat).toBe(2000n)
    await stand.gateway.reload(at('3 sat/request'))
    expect((await stand.buyer().price(stand.url))?.price.msat).toBe(3000n)
    await early.fetch(stand.url)
    expect((await early.close())[0]?.statement.delivered).toBe(2000n)
    expect(stand.events.at(-1)).toMatchObject({ type: expect.any(String), atMs: expect.any(Number) })
    await expect(
      stand.gateway.reload(checkConfig({ routes: [{ folder: '/nowhere', price: 'free' }] })),
    ).rejects.toMatchObject({ code: 'config-invalid' })
    expect((await stand.buyer().price(stand.url))?.price.msat).toBe(3000n)
    expect(stand.events.map(({ type }) => type)).toContain('reload-failed')
  })

  test('the patience that another configuration leaves out is as long as by default again', async () => {
    const body = Buffer.alloc(50_000)
    const url = await upstream((_, response) => response.end(body))
    const route = { name: 'all', upstream: url, price: '1 sat/kB' }
    const stand = await openStand({ routes: [{ ...route, grace: '20ms' }] })
    // The window holds a fifth of the body, so it waits for payments that each take longer than the grace.
    stand.nodes.buyer.latencyMs = 200
    const buyer = stand.buyer()
    const comes = async () => (await (await buyer.fetch(stand.url)).arrayBuffer()).byteLength === body.length
    expect(await comes().catch(() => false)).toBe(false)
    await stand.gateway.reload(checkConfig({ routes: [route] }))
    expect(await comes()).toBe(true)
  })

  test('with a rate: the offer says it and its age, and an old one sells nothing', async () => {
    let text: string = '65000'
    const file = join(folder, 'rate')
    writeFileSync(file, text)
    const stand = await openStand({
      rates: { USD: { file, refresh: '20ms', maxAge: '400ms' } },
      routes: [{ upstream: await echo(), price: '0.01 USD/request' }],
    })
    const refused = await fetch(stand.url)
    expect(refused.status).toBe(402)
    expect(refused.headers.get('www-authenticate')).toMatch(/0\.01 USD\/request at 65000 USD\/BTC as of 20\d\d-/)
    expect((await stand.buyer().price(stand.url))?.price.msat).toBe(15_384n)
    text = '50000'
    writeFileSync(file, text)
    await expect.poll(async () => (await stand.buyer().price(stand.url))?.price.msat).toBe(20_000n)
    const early = stand.buyer({ ahead: '100 sat' })
    expect((await early.fetch(stand.url)).status).toBe(200)
    writeFileSync(file, 'junk')
    await expect.poll(async () => (await fetch(stand.url)).status).toBe(503)
    expect(await (await fetch(stand.url)).json()).toMatchObject({ code: 'rate-stale' })
    expect((await early.fetch(stand.url)).status).toBe(200)
  })
})

test('what happens is told, with its route', async () => {
  const stand = await openStand({ routes: [{ name: 'all', upstream: await echo(), price: '1 sat/request' }] })
  const response = await stand.buyer().fetch(`${stand.url}/x`)
  const { length } = await response.text()
  await expect.poll(() => stand.events.filter(({ type }) => type === 'request').length).toBeGreaterThan(1)
  expect(stand.events.find((event) => event.type === 'request' && event.status === 200)).toMatchObject({
    route: 'all',
    bytes: length,
  })
  expect(stand.events.find(({ type }) => type === 'opened')).toMatchObject({ route: 'all' })
})

test('a browser gets a page with the challenge, and a program the problem', async () => {
  const stand = await openStand(
    { routes: [{ upstream: await echo(), price: '1 sat/request' }] },
    {
      pages: (_, answer) =>
        new Response(answer ? `<p>${answer.route!.title}` : 'app', { headers: { 'content-type': 'text/html' } }),
    },
  )
  const page = await fetch(stand.url, { headers: { accept: 'text/html,*/*' } })
  expect([page.status, await page.text()]).toEqual([402, '<p>all'])
  expect(page.headers.get('www-authenticate')).toMatch(/^Payment /)
  expect((await fetch(stand.url)).headers.get('content-type')).toContain('problem+json')
  expect(await (await fetch(`${stand.url}/.stream/app/x.js`)).text()).toBe('app')
})
