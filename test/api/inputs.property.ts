import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { BoundedCallers } from '../../src/api/bounded.ts'
import { CALLS } from '../../src/api/calls/index.ts'
import { LocalEvents } from '../../src/api/events.ts'
import { openInvoiceOwners } from '../../src/api/invoiceOwners.ts'
import { createLocalApi } from '../../src/api/localApi.ts'
import { openApiOf } from '../../src/api/openapi.ts'
import { MAX_BODY_BYTES } from '../../src/api/requestBody.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { createInvoice } from '../../src/lightning/verbs/verbs.ts'
import { sat } from '../../src/money/msat.ts'
import { Checked, type Document } from './checked.ts'
import { BASE, Book } from './stand.ts'

const { buyer: node, seller: payee } = scriptedPair()
const journal = openJournal(':memory:')
const events = new LocalEvents()
/** What a seller that is asked for its price answers: set by each case. */
let seller: () => Response = () => new Response('')
const parts = {
  ...{ node, journal, events, callers: new Book(), invoices: openInvoiceOwners(':memory:') },
  ...{ version: '0', paymentTimeoutMs: 1, maxEach: sat(100) },
  fetch: async () => seller(),
}
const api = createLocalApi(parts)
const checked = new Checked(openApiOf(CALLS, parts) as unknown as Document)
const owner = { name: 'owner', isOwner: true, limits: {} }
const ada = { name: 'ada', isOwner: false, limits: { max: sat(5) } }
afterAll(() => journal.end())

/** Asks, and holds the answer against the document. Nothing that is sent is a defect of ours. */
async function ask(method: string, where: string, init: RequestInit, caller = owner): Promise<number> {
  const asked = new Request(`http://127.0.0.1${BASE}${where}`, { method, ...init })
  const { pathname } = new URL(asked.url)
  const answer = await api.handle(asked, caller)
  if (!answer) {
    expect(pathname.startsWith(`${BASE}/`)).toBe(false)
    return 404
  }
  const type = answer.headers.get('content-type') ?? ''
  if (type === 'text/event-stream') {
    await answer.body!.cancel()
    return answer.status
  }
  const body = (await answer.json()) as { code?: string }
  expect(body.code, `${method} ${where} ${JSON.stringify(init.body)}: ${JSON.stringify(body)}`).not.toBe('internal')
  if (body.code !== 'not-found') checked.check(method, pathname.slice(BASE.length), answer.status, type, body)
  return answer.status
}

const { request } = await createInvoice(payee, '1 sat')
const json = { 'content-type': 'application/json' }
const segment = fc.oneof(
  fc.string({ maxLength: 70 }),
  fc.stringMatching(/^[0-9a-f]{60,66}$/),
  fc.constantFrom('a'.repeat(64), '0'.repeat(32), '..'),
)
const path = fc.oneof(
  fc
    .tuple(fc.constantFrom(...CALLS), segment)
    .map(([call, given]) => call.path.replace(/\{\w+\}/, () => encodeURIComponent(given))),
  fc.webPath(),
)
const query = fc.oneof(
  fc.constant(''),
  fc.webQueryParameters().map((text) => `?${text}`),
  fc.constantFrom('?limit=5', '?since=1h'),
)
const member = fc.constantFrom(
  ...[
    'invoice',
    'amount',
    'max',
    'maxFee',
    'text',
    'url',
    'method',
    'limit',
    'at',
    'name',
    'perDay',
    'hosts',
    'description',
  ],
  ...['expiresInS', '__proto__', 'constructor', 'x'],
)
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    request,
    `lightning:${request}`,
    '1 sat',
    'any',
    '999999999999 BTC',
    'day',
    'http://a.example/x',
    '1%',
  ),
  fc.string({ unit: 'grapheme', maxLength: 50 }),
)
const body = fc.oneof(
  fc.dictionary(member, value, { maxKeys: 5 }).map((one) => JSON.stringify(one)),
  fc.jsonValue().map((one) => JSON.stringify(one)),
  fc.string(),
  fc.uint8Array({ maxLength: 100 }),
)

describe('whatever is sent', () => {
  test('any call, any address, any body: an answer that the document knows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'),
        path,
        query,
        body,
        fc.constantFrom(owner, ada),
        async (method, where, search, sent, caller) => {
          const hasBody = method !== 'GET' && method !== 'HEAD'
          const status = await ask(
            method,
            `${where}${search}`,
            hasBody ? { headers: json, body: sent as BodyInit } : {},
            caller,
          )
          expect(status).toBeLessThan(600)
        },
      ),
      { numRuns: 3000 },
    )
    // The limit of the caller holds whatever was asked for in its name, and so do the invoices of the other side.
    expect((await journal.callerSpending('ada')).total).toBeLessThanOrEqual(sat(5))
    expect(payee.settlements.length).toBeLessThanOrEqual(1)
  })

  test('each call that takes a body, with members of the right names and any values', async () => {
    const calls = CALLS.filter((call) => call.body)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...calls),
        fc.array(value, { minLength: 4, maxLength: 4 }),
        async (call, values) => {
          const names = Object.keys((call.body as unknown as { shape: object }).shape)
          const sent = Object.fromEntries(names.map((name, index) => [name, values[index % 4]]))
          await ask(call.method, call.path, { headers: json, body: JSON.stringify(sent) })
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('any answer of a seller that is asked for its price', async () => {
    const header = fc.oneof(
      fc.string().map((text) => `Payment ${text.replace(/[^\x20-\x7e]/g, '')}`),
      fc
        .base64String()
        .map((text) => `Payment id="x", realm="a", method="lightning", intent="stream", request="${text}"`),
      fc
        .jsonValue()
        .map(
          (one) =>
            `Payment id="x", realm="a", method="lightning", intent="stream", request="${Buffer.from(JSON.stringify(one)).toString('base64url')}"`,
        ),
    )
    await fc.assert(
      fc.asyncProperty(header, fc.constantFrom(200, 402, 500), async (challenge, status) => {
        seller = () => new Response('x', { status, headers: { 'www-authenticate': challenge } })
        const answered = await ask(
          'POST',
          '/offers',
          { headers: json, body: '{"url":"https://a.example/"}' },
          {
            ...owner,
            name: `${Math.random()}`,
          },
        )
        expect(answered).toBeLessThan(503)
      }),
      { numRuns: 1000 },
    )
  })

  test('only JSON that says so, in UTF-8 and short enough, is read', async () => {
    const post = (sent: BodyInit, type?: string) =>
      ask('POST', '/decode', { body: sent, headers: type ? { 'content-type': type } : {} })
    const good = JSON.stringify({ text: request })
    expect(await post(good, 'application/json; charset=utf-8')).toBe(200)
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/jsonp',
    ]) {
      expect(await post(good, type)).toBe(415)
    }
    expect(await post(`${good}${' '.repeat(MAX_BODY_BYTES)}`, 'application/json')).toBe(413)
    expect(await post(new Uint8Array([0x22, 0xff, 0x22]), 'application/json')).toBe(400)
    expect(await post('', 'application/json')).toBe(400)
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024).fill(32)) })
    expect(await ask('POST', '/decode', { body: endless, headers: json, duplex: 'half' } as RequestInit)).toBe(413)
  })
})

test('what a caller without limits may spend is what it had spent before, and what is allowed to each', async () => {
  await fc.assert(
    fc.asyncProperty(fc.bigInt(0n, 2n ** 60n), async (most) => {
      const caller = { name: 'eve', isOwner: false, limits: {} }
      const { limits } = await new BoundedCallers(journal, most as never).bounded(caller)
      expect(limits.max).toBe((await journal.callerSpending('eve')).total + most)
    }),
    { numRuns: 50 },
  )
})
