import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Attributes, type Span, type SpanOptions, type TimeInput, trace } from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { traceGateway } from '../../examples/telemetry/spans.ts'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { StreamError } from '../../src/errors/error.ts'
import { type Admin, openAdmin } from '../../src/gateway/admin/server.ts'
import { publishTo } from '../../src/gateway/diagnostics.ts'
import { logTo } from '../../src/gateway/log.ts'
import { readSecret, verifyWebhook } from '../../src/gateway/webhooks/signature.ts'
import { startWebhooks } from '../../src/gateway/webhooks/webhooks.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { msat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { readProm, type Sample } from './promText.ts'
import { type Good, openShop, pieces } from './shop.ts'

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const end of open.splice(0).reverse()) await end()
})

const goods: readonly Good[] = [
  { name: 'files', title: 'Files', price: '1 sat/KiB', handler: pieces(20 * 1024, 1024, 1) },
  { name: 'odd', title: '"odd"\n\\', price: '1 sat/KiB', handler: pieces(3 * 1024, 1024, 1) },
]

function folder(): string {
  const home = mkdtempSync(join(tmpdir(), 'streampay-'))
  open.push(() => rmSync(home, { recursive: true, force: true }))
  return home
}

async function market() {
  const nodes = scriptedPair()
  const shop = await openShop(nodes.seller, goods)
  open.push(() => shop.close())
  const buy = async (path: string) => {
    const buyer = createBuyer({ node: nodes.buyer, max: '100 sat', ahead: '5 sat' })
    await (await buyer.fetch(`${shop.url}/${path}`)).arrayBuffer()
    return buyer.close()
  }
  return { nodes, shop, buy }
}

const ask = (admin: Admin, path: string) =>
  fetch(`${admin.url}${path}`, { headers: { authorization: `Bearer ${admin.token}` } })
const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('what was paid and earned is counted once, to the msat, over restarts of the dashboard', async () => {
  const { shop, buy } = await market()
  const home = folder()
  const first = await openAdmin({ gateway: shop, port: 0, home })
  await buy('files')
  await first.close()
  const missed = await buy('files')
  const second = await openAdmin({ gateway: shop, port: 0, home })
  open.push(() => second.close())
  expect(second.token).toBe(first.token)
  await buy('odd')
  second.collector.flush()
  const state = await (await ask(second, '/api/state')).json()
  // While no dashboard ran nothing was seen: it watches, and keeps no books.
  expect(missed).toHaveLength(1)
  expect(state.today).toMatchObject({ earned: '23000' })
  const { paid, earned, returned } = state.today
  expect(BigInt(paid) - BigInt(returned)).toBe(BigInt(earned))
  expect(
    state.routes.map(({ name, today }: { name: string; today: { earned: string } }) => [name, today.earned]),
  ).toEqual([
    ['files', '20000'],
    ['odd', '3000'],
  ])
  expect(state.buyers).toHaveLength(2)
  expect(state.buyers[0]).toMatchObject({ route: 'odd', client: '127.0.0.1', state: 'closed' })
  const revenue = await (await ask(second, '/api/revenue?span=hour')).json()
  expect(revenue.earned.reduce((sum: bigint, one: string) => sum + BigInt(one), 0n)).toBe(23_000n)
  const csv = await (await ask(second, '/api/revenue.csv?span=hour')).text()
  expect(csv).toMatch(/^from,seconds,paid_msat,earned_msat,returned_msat,payments\r\n/)
  expect((await (await ask(second, '/api/buyers.csv')).text()).trim().split('\r\n')).toHaveLength(3)
})

test('an agreement that goes on after a restart of the seller is counted on from where it was', async () => {
  const { seller: node, buyer: wallet } = scriptedPair()
  const home = folder()
  const secret = new Uint8Array(32)
  const sell = async (port: number) => {
    const ledger = openLedger(join(home, 'ledger.db'))
    const shop = await openShop(node, goods, { ledger, secret }, port)
    const admin = await openAdmin({ gateway: shop, port: 0, home })
    return {
      shop,
      admin,
      async close() {
        await admin.close()
        await shop.close()
        await ledger.end()
      },
    }
  }
  const first = await sell(0)
  const { url } = first.shop
  const buyer = createBuyer({ node: wallet, max: '100 sat', ahead: '5 sat' })
  await (await buyer.fetch(`${url}/files`)).arrayBuffer()
  await first.close()
  const second = await sell(Number(new URL(url).port))
  open.push(() => second.close())
  await (await buyer.fetch(`${url}/files`)).arrayBuffer()
  await buyer.close()
  second.admin.collector.flush()
  const { today, buyers } = await (await ask(second.admin, '/api/state')).json()
  expect(buyers).toHaveLength(1)
  expect(today.earned).toBe('40000')
  expect(today.paid).toBe(`${node.settlements.reduce((sum, { amount }) => sum + amount, 0n)}`)
})

test('whom a split owes most comes first, and the seller itself is owed nothing', async () => {
  const { shop } = await market()
  const standing = (recipient: string, earned: bigint, paid: bigint, kept = false) => ({
    recipient,
    earned: msat(earned),
    paid: msat(paid),
    kept,
  })
  shop.recipients = [standing('a', 9000n, 8000n), standing('house', 5000n, 0n, true), standing('b', 3000n, 0n)]
  const admin = await openAdmin({ gateway: shop, port: 0, home: folder() })
  open.push(() => admin.close())
  const { recipients } = await (await ask(admin, '/api/state')).json()
  expect(recipients).toEqual([
    { name: 'b', earned: '3000', paid: '0', owed: '3000' },
    { name: 'a', earned: '9000', paid: '8000', owed: '1000' },
  ])
})

test('metrics are well-formed, right, and no more than a few labels whatever happens', async () => {
  const { shop, buy } = await market()
  const admin = await openAdmin({ gateway: shop, port: 0, home: folder() })
  open.push(() => admin.close())
  shop.recipients = [{ recipient: 'creator', earned: msat(9000n), paid: msat(4000n), kept: false }]
  await buy('files')
  for (let i = 0; i < 500; i++) {
    shop.tell({ type: 'request', route: `r"\n\\${i}`, status: i % 2 ? 200 : 503, ms: 70, bytes: 10, atMs: 0 })
  }
  shop.tell({ type: 'error', error: new StreamError('node-unreachable', 'x'), atMs: 0 })
  admin.collector.flush()
  const response = await ask(admin, '/metrics')
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const samples = readProm(await response.text())
  const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
    samples.find((one: Sample) => one.name === name && JSON.stringify(one.labels) === JSON.stringify(labels))?.value
  expect(value('stream_earned_msat', { route: 'files' })).toBe(20_000)
  expect(value('stream_agreements_total', { route: 'files', event: 'closed' })).toBe(1)
  expect(value('stream_recipient_earned_msat_total', { recipient: 'creator' })).toBe(9000)
  expect(value('stream_recipient_paid_msat', { recipient: 'creator' })).toBe(4000)
  expect(value('stream_errors_total', { code: 'node-unreachable' })).toBe(1)
  expect(value('stream_node_up', { node: 'scripted', network: 'regtest' })).toBe(1)
  expect(value('stream_request_seconds_bucket', { route: 'r"\n\\0', le: '0.1' })).toBe(1)
  expect(value('stream_request_seconds_bucket', { route: 'r"\n\\0', le: '0.05' })).toBe(0)
  const routes = new Set(samples.map(({ labels }) => labels.route))
  expect(routes.size).toBeLessThanOrEqual(203)
  const requests = samples.filter(({ name }) => name === 'stream_requests_total')
  expect(requests.reduce((sum, { value: count }) => sum + count, 0)).toBe(500)
})

test('the log has one line of JSON for an event, and nothing secret in it', async () => {
  const { shop, buy } = await market()
  const lines: string[] = []
  open.push(logTo(shop, (line) => lines.push(line)))
  await buy('files')
  const secret = 'ab'.repeat(32)
  shop.tell({ type: 'error', error: new StreamError('node-unreachable', `two\nlines, Bearer ${secret}`), atMs: 5 })
  const records = lines.map((line) => {
    expect(line.endsWith('\n') && !line.slice(0, -1).includes('\n')).toBe(true)
    return JSON.parse(line)
  })
  const events = records.map(({ event }) => event)
  expect(events[0]).toBe('opened')
  expect(events).toContain('paid')
  expect(events).toContain('closed')
  expect(events).not.toContain('delivering')
  const closed = records.find(({ event }) => event === 'closed')
  expect(closed).toMatchObject({ level: 'info', route: 'files', deliveredMsat: '20000', unit: 'byte' })
  expect(records.at(-1)).toMatchObject({ time: '1970-01-01T00:00:00.005Z', level: 'error', code: 'node-unreachable' })
  expect(lines.join('')).not.toContain(secret)
})

interface Noted {
  readonly name: string
  readonly attributes: Attributes
  endedAt: TimeInput | undefined
  events: number
}

test('OpenTelemetry sees an agreement and a request as spans', async () => {
  const spans: Noted[] = []
  const start = (name: string, { attributes = {} }: SpanOptions = {}) => {
    const noted: Noted = { name, attributes: { ...attributes }, endedAt: undefined, events: 0 }
    spans.push(noted)
    return {
      setStatus: () => {},
      setAttributes: (more: Attributes) => Object.assign(noted.attributes, more),
      addEvent: () => noted.events++,
      end: (at: TimeInput) => {
        noted.endedAt = at
      },
    } as unknown as Span
  }
  trace.setGlobalTracerProvider({
    getTracer: () => ({ startSpan: start, startActiveSpan: () => undefined }) as never,
  })
  open.push(() => trace.disable())
  const { shop, buy } = await market()
  open.push(publishTo(shop))
  open.push(traceGateway())
  await buy('files')
  shop.tell({ type: 'request', route: 'files', status: 200, ms: 70, bytes: 10, atMs: 1000 })
  const [agreement, request] = spans
  expect(agreement).toMatchObject({ name: 'agreement files', attributes: { 'stream.delivered_msat': '20000' } })
  expect(agreement!.endedAt).toBeTypeOf('number')
  expect(agreement!.events).toBeGreaterThan(0)
  expect(request).toMatchObject({ name: 'request files', endedAt: 1000 })
  expect(spans).toHaveLength(2)
})

test('webhooks tell of an agreement that was opened and closed', async () => {
  const { shop, buy } = await market()
  const secret = readSecret('a secret that is long enough')
  const got: Array<{ type: string; data: { agreement: string; deliveredMsat: string } }> = []
  const receiver = await serve(
    async (request) => {
      const body = await request.text()
      if (!verifyWebhook({ secret, headers: request.headers, body })) return new Response('', { status: 401 })
      got.push(JSON.parse(body))
      return new Response('')
    },
    { port: 0 },
  )
  open.push(() => receiver.close(0))
  const webhooks = [{ url: receiver.url, secret, events: ['opened', 'closed'] }] as const
  const hooks = startWebhooks({ gateway: shop, home: folder(), webhooks })
  open.push(() => hooks.close())
  await buy('files')
  await until(() => got.length === 2)
  expect(got.map(({ type }) => type)).toEqual(['agreement.opened', 'agreement.closed'])
  expect(got[1]!.data).toMatchObject({ agreement: got[0]!.data.agreement, deliveredMsat: '20000' })
})

test('the port answers nobody without the token, nor by a name of another place, and frames nothing', async () => {
  const { shop } = await market()
  const admin = await openAdmin({ gateway: shop, port: 0, home: folder() })
  open.push(() => admin.close())
  const paths = [
    '/api/state',
    '/api/session',
    '/api/live',
    '/api/revenue',
    '/api/buyers.csv',
    '/api/prices',
    '/metrics',
    '/x',
  ]
  for (const path of paths) expect((await fetch(`${admin.url}${path}`)).status, path).toBe(401)
  const edit = (headers: Record<string, string>) =>
    fetch(`${admin.url}/api/price`, { method: 'POST', headers, body: '{"route":"files","price":"9 sat/KiB"}' })
  expect((await edit({})).status).toBe(401)
  expect((await edit({ authorization: 'Bearer wrong' })).status).toBe(401)
  const page = await fetch(`${admin.url}/`)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
  expect(page.headers.get('content-security-policy')).not.toContain('unsafe')
  for (const path of ['/page/main.js', '/page/uPlot.js', '/page/style.css', '/page/uPlot.css', '/page/icon.svg'])
    expect((await fetch(`${admin.url}${path}`)).status, path).toBe(200)
  for (const path of ['/page/../server.ts', '/page/%2e%2e/x.js', '/page/state.ts', '/page/nothing.js'])
    expect((await fetch(`${admin.url}${path}`)).status, path).toBeGreaterThanOrEqual(400)
  const { status } = await fetch(`${admin.url}/login`, { method: 'POST', body: '{"token":"x"}' })
  expect(status, 'a form of another site').toBe(415)
  expect(await otherHost(admin.port, '/', 'evil.example')).toMatch(/^HTTP\/1.1 403 /)
  await expect(openAdmin({ gateway: shop, port: 0, home: folder(), host: '0.0.0.0' })).rejects.toMatchObject({
    code: 'transport-insecure',
  })
})

test('a price is edited with the token, written down, and a wrong one is said to be', async () => {
  const { shop } = await market()
  const admin = await openAdmin({ gateway: shop, port: 0, home: folder() })
  open.push(() => admin.close())
  const edit = (body: string) =>
    fetch(`${admin.url}/api/price`, { method: 'POST', body, headers: { authorization: `Bearer ${admin.token}` } })
  const answer = await edit('{"route":"files","price":"2 sat/KiB"}')
  expect(await answer.json()).toEqual({ route: 'files', was: '1 sat/KiB', now: '2 sat/KiB' })
  expect(await (await ask(admin, '/api/prices')).json()).toMatchObject([
    { route: 'files', was: '1 sat/KiB', now: '2 sat/KiB', by: 'token at 127.0.0.1' },
  ])
  for (const body of [
    '',
    '[]',
    '{"route":"files"}',
    '{"route":"files","price":"many"}',
    '{"route":"none","price":"1 sat/KiB"}',
    'x'.repeat(5000),
  ])
    expect((await edit(body)).status, body.slice(0, 40)).toBe(400)
  expect(await (await ask(admin, '/api/prices')).json()).toHaveLength(1)
})

/** The first line that is answered to a request with another Host. */
async function otherHost(port: number, path: string, host: string): Promise<string> {
  const { connect } = await import('node:net')
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`))
    socket.once('data', (data) => {
      resolve(`${data}`.split('\r\n')[0]!)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
