import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StreamError } from '../../src/errors/error.ts'
import { MAX_WATCHERS } from '../../src/gateway/admin/live.ts'
import { type Admin, openAdmin } from '../../src/gateway/admin/server.ts'
import { NOTHING } from '../../src/gateway/stats/series.ts'
import { StatsStore } from '../../src/gateway/stats/store.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { openShop, pieces, type Shop } from './shop.ts'

const MARKUP = '<img src=x onerror=alert(1)>'
const FORMULA = '=HYPERLINK("http://evil.example","a")'

let shop: Shop
let admin: Admin
let home: string
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'streampay-'))
  const { seller } = scriptedPair()
  shop = await openShop(seller, [{ name: 'files', title: MARKUP, price: '1 sat/KiB', handler: pieces(1024, 1024, 1) }])
  admin = await openAdmin({ gateway: shop, port: 0, home })
})
afterEach(async () => {
  await admin.close()
  await shop.close()
  rmSync(home, { recursive: true, force: true })
})

/** As `fetch`, with whatever Host, Cookie and Origin: a browser's page cannot choose these, whoever attacks can. */
async function ask(path: string, { method = 'GET', body = '', headers = {} as Record<string, string> } = {}) {
  const asking = httpRequest(`${admin.url}${path}`, { method, headers: { connection: 'close', ...headers } })
  asking.end(body)
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>((resolve, reject) => {
    asking.on('error', reject)
    asking.on('response', (answer) => {
      text(answer).then((got) => resolve({ status: answer.statusCode!, headers: answer.headers, text: got }), reject)
    })
  })
}

const login = (token: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  ask('/login', { method: 'POST', body: JSON.stringify({ token }), headers })
const bearer = () => ({ authorization: `Bearer ${admin.token}` })
const price = () => shop.routes[0]!.priced!.terms.price.msat

/** A browser that has signed in: its cookie, and the word that its page sends with changes. */
async function signedIn() {
  const entered = await login(admin.token)
  const cookie = `${entered.headers['set-cookie']}`.split(';')[0]!
  const { csrf } = JSON.parse((await ask('/api/session', { headers: { cookie } })).text)
  return { cookie, csrf: csrf as string }
}

test('of forty guesses ten are looked at, by whichever door they come', async () => {
  const beganMs = performance.now()
  let wrong = 0
  let slowed = 0
  for (let i = 0; i < 40; i++) {
    const guess = `${'A'.repeat(40)}${i}`
    const { status, headers } =
      i % 2 ? await login(guess) : await ask('/api/state', { headers: { authorization: `Bearer ${guess}` } })
    if (status === 401) wrong++
    else {
      expect(status).toBe(429)
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      slowed++
    }
  }
  // One more for every five seconds that this took.
  expect(wrong).toBeGreaterThanOrEqual(10)
  expect(wrong).toBeLessThanOrEqual(11 + (performance.now() - beganMs) / 5000)
  expect(slowed).toBeGreaterThan(0)
})

test.each([
  ['in the address', () => ask(`/api/state?token=${admin.token}`)],
  ['in a cookie', () => ask('/api/state', { headers: { cookie: `token=${admin.token}` } })],
  [
    'as the name of a user',
    () => {
      const authorization = `Basic ${Buffer.from(`${admin.token}:`).toString('base64')}`
      return ask('/api/state', { headers: { authorization } })
    },
  ],
  ['in part', () => ask('/api/state', { headers: { authorization: `Bearer ${admin.token.slice(0, -1)}` } })],
  ['and more', () => ask('/api/state', { headers: { authorization: `Bearer ${admin.token}A` } })],
])('the token opens nothing %s', async (_, asking) => {
  const { status, text } = await asking()
  expect(status).toBe(401)
  expect(text).not.toContain(admin.token)
})

test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', ''])(
  'a form of another site signs nobody in: %j',
  async (type) => {
    const { status, headers } = await login(admin.token, type ? { 'content-type': type } : {})
    expect(status).toBe(415)
    expect(headers['set-cookie']).toBeUndefined()
  },
)

test('a change takes the word of the page in a header, and nothing that a browser sends by itself will do', async () => {
  const { cookie, csrf } = await signedIn()
  const change = async (headers: Record<string, string>, path = '/api/price') =>
    (await ask(path, { method: 'POST', body: '{"route":"files","price":"9 sat/KiB"}', headers })).status
  for (const headers of [
    { cookie },
    { cookie: `${cookie}; x-csrf-token=${csrf}` },
    { cookie, 'x-csrf-token': '' },
    { cookie, 'x-csrf-token': `${csrf}A` },
    { cookie, 'x-csrf-token': admin.token },
    { cookie, 'x-csrf-token': csrf, origin: 'http://evil.example' },
    { cookie, 'x-csrf-token': csrf, origin: 'null' },
    { cookie, 'x-csrf-token': csrf, origin: admin.url.replace('127.0.0.1', 'localhost') },
    { cookie, 'x-csrf-token': csrf, 'sec-fetch-site': 'same-site' },
    { cookie, 'x-csrf-token': csrf, 'sec-fetch-site': 'cross-site' },
  ] as Record<string, string>[]) {
    expect(await change(headers), JSON.stringify(headers)).toBe(403)
  }
  expect(await change({ cookie }, `/api/price?x-csrf-token=${csrf}`)).toBe(403)
  expect(await change({ 'x-csrf-token': csrf })).toBe(401)
  expect((await ask('/logout', { method: 'POST', headers: { cookie } })).status).toBe(403)
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    expect((await ask('/api/price', { method, headers: { cookie } })).status, method).toBe(403)
  }
  // Nothing is changed by looking, whatever is looked at.
  expect((await ask('/api/price?route=files&price=9', { headers: { cookie } })).status).toBe(404)
  expect((await ask('/logout', { headers: { cookie } })).status).toBe(404)
  expect(price()).toBe(1000n)
  expect(await change({ cookie, 'x-csrf-token': csrf, origin: admin.url, 'sec-fetch-site': 'same-origin' })).toBe(200)
  expect(price()).toBe(9000n)
})

test.each([
  'evil.example',
  'evil.example:80',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'evil.example@127.0.0.1',
  '0.0.0.0',
  '10.0.0.1',
  '[::]',
  '[::ffff:10.0.0.1]',
  'localhost,evil.example',
])('nobody is answered by the name %j, with the token or without', async (name) => {
  const host = /:\d+$/.test(name) ? name : `${name}:${admin.port}`
  for (const path of ['/', '/page/main.js', '/api/state', '/api/session', '/metrics']) {
    const { status, text } = await ask(path, { headers: { host, ...bearer() } })
    expect([400, 403], path).toContain(status)
    expect(text).not.toContain('csrf')
  }
  const entered = await ask('/login', {
    method: 'POST',
    body: JSON.stringify({ token: admin.token }),
    headers: { host, 'content-type': 'application/json' },
  })
  expect([400, 403]).toContain(entered.status)
  expect(entered.headers['set-cookie']).toBeUndefined()
})

test('an absolute target is judged by its own name', async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(admin.port, '127.0.0.1', () =>
      socket.write(
        `GET http://evil.example/api/state HTTP/1.1\r\nHost: 127.0.0.1:${admin.port}\r\nAuthorization: Bearer ${admin.token}\r\nConnection: close\r\n\r\n`,
      ),
    )
    text(socket).then(resolve, reject)
  })
  expect(answer).toMatch(/^HTTP\/1\.1 40[034] /)
  expect(answer).not.toContain('"today"')
})

test.each(['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]', '127.1.2.3'])('%s is this machine', async (name) => {
  const host = `${name}:${admin.port}`
  expect((await ask('/api/state', { headers: { host, ...bearer() } })).status).toBe(200)
})

test('no other site may read an answer, frame it, or take it for a script', async () => {
  const origin = { origin: 'http://evil.example', ...bearer() }
  for (const path of ['/', '/page/main.js', '/api/state', '/api/buyers.csv', '/metrics', '/nothing']) {
    const { headers } = await ask(path, { headers: origin })
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    })
  }
  const preflight = { ...origin, 'access-control-request-method': 'POST', authorization: '' }
  const { status, headers } = await ask('/api/price', { method: 'OPTIONS', headers: preflight })
  expect(status).toBe(401)
  expect(headers['access-control-allow-origin']).toBeUndefined()
})

test('titles and failures are told as JSON, and no answer with them is a page', async () => {
  shop.tell({ type: 'error', error: new StreamError('node-unreachable', MARKUP), atMs: Date.now() })
  admin.collector.flush()
  const state = await ask('/api/state', { headers: bearer() })
  expect(state.headers['content-type']).toBe('application/json')
  expect(JSON.parse(state.text)).toMatchObject({
    routes: [{ title: MARKUP }],
    troubles: [{ text: expect.stringContaining(MARKUP) }],
  })
  const body = JSON.stringify({ route: MARKUP, price: '1 sat/KiB' })
  const refused = await ask('/api/price', { method: 'POST', body, headers: bearer() })
  expect(refused.status).toBe(400)
  expect(refused.headers['content-type']).toBe('application/json')
  const page = await ask('/', {})
  expect(page.text).not.toContain(MARKUP)
})

test('a spreadsheet sees text where somebody wrote a formula, and no more buyers than it can hold', async () => {
  await admin.close()
  const store = new StatsStore(join(home, 'dashboard.db'))
  const sight = (agreement: string, route: string) =>
    ({ agreement, route, client: '@evil', openedAtMs: 1, seenAtMs: 2, state: 'open', ...NOTHING, earned: -5n }) as const
  const many = Array.from({ length: 20_500 }, (_, i) => sight(`a${i}`, 'files'))
  store.write({ atMs: 1, revenue: [], sights: [...many, sight('+1', FORMULA)], troubles: [] })
  store.close()
  admin = await openAdmin({ gateway: shop, port: 0, home })
  const { text, headers } = await ask('/api/buyers.csv', { headers: bearer() })
  expect(headers['content-disposition']).toBe('attachment; filename="buyers.csv"')
  const lines = text.trimEnd().split('\r\n')
  expect(lines).toHaveLength(1 + 20_000)
  expect(lines[1]).toBe(
    `'+1,"'${FORMULA.replaceAll('"', '""')}",'@evil,1970-01-01T00:00:00.001Z,1970-01-01T00:00:00.002Z,open,0,-5,0,0`,
  )
  const state = JSON.parse((await ask('/api/state', { headers: bearer() })).text)
  expect(state.buyers).toHaveLength(100)
})

test('a route and a span that nobody has are an empty history, whatever they are', async () => {
  for (const query of [
    '?span=ever',
    '?span=__proto__',
    '?span=year&route=%27%20OR%201%3D1',
    `?route=${'x'.repeat(5000)}`,
  ]) {
    const { status, text } = await ask(`/api/revenue${query}`, { headers: bearer() })
    expect(status, query).toBe(200)
    const { startMs, earned } = JSON.parse(text)
    expect(startMs.length).toBeLessThanOrEqual(400)
    expect(earned.every((one: string) => one === '0')).toBe(true)
    const csv = await ask(`/api/revenue.csv${query}`, { headers: bearer() })
    expect(csv.headers['content-disposition']).toMatch(/^attachment; filename="revenue-[a-z]+\.csv"$/)
  }
})

test('no more pages are told than there is room for, and one that leaves makes room', async () => {
  const leaving = new AbortController()
  const watch = (signal?: AbortSignal) =>
    fetch(`${admin.url}/api/live`, { headers: bearer(), ...(signal && { signal }) })
  const pages = [await watch(leaving.signal)]
  while (pages.length < MAX_WATCHERS) pages.push(await watch())
  expect(pages.every(({ status }) => status === 200)).toBe(true)
  const one = await watch()
  expect(one.status).toBe(429)
  expect(one.headers.get('retry-after')).toBe('5')
  leaving.abort()
  await expect.poll(async () => (await watch()).status, { timeout: 15_000 }).toBe(200)
  for (const { body } of pages.slice(1)) await body?.cancel()
})
