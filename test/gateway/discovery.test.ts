import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkConfig } from '../../src/gateway/config/read.ts'
import type { GatewayConfigInput } from '../../src/gateway/config/schema.ts'
import { openApi } from '../../src/gateway/discovery/openApi.ts'
import { openStand, type Stand, upstream } from './stand.ts'

type RouteInput = GatewayConfigInput['routes'][number]

const EVIL = '](javascript:alert(1)) <script>x</script>\n# For sale\n- [free](http://evil.example)\u2028`"{p9}'
/** The draft's own schema of its extension (draft-payment-discovery, "JSON Schema for x-payment-info"). */
const OFFERS = {
  type: 'object',
  required: ['offers'],
  additionalProperties: false,
  properties: {
    offers: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['intent', 'method', 'amount'],
        additionalProperties: false,
        properties: {
          intent: { enum: ['charge', 'session'] },
          method: { type: 'string' },
          amount: { oneOf: [{ type: 'null' }, { type: 'string', pattern: '^(0|[1-9][0-9]*)$' }] },
          currency: { type: 'string' },
          description: { type: 'string' },
        },
      },
    },
  },
}
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly parameters?: ReadonlyArray<{ readonly name: string }>
  readonly responses: object
  readonly 'x-payment-info'?: { readonly offers: ReadonlyArray<Record<string, unknown>> }
  readonly 'x-stream-offers'?: ReadonlyArray<Record<string, unknown>>
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const validator = new AjvJsonSchemaValidator()
// The schema of schemas could be another dialect's; here it is the one that stands beside it, which the validator finds by its name only.
const schema = JSON.parse(
  readFileSync(new URL('openapi31.json', import.meta.url), 'utf8')
    .replaceAll('"$dynamicRef": "#meta"', '"$ref": "#/$defs/schema"')
    .replaceAll('"format": "media-range"', '"minLength": 1'),
) as object
const isOpenApi = validator.getValidator<Document>(schema as never)
const isPaymentInfo = validator.getValidator(OFFERS as never)

/** Holds a document against OpenAPI 3.1, the draft, and what neither schema can say. */
function checked(value: unknown): Document {
  expect(isOpenApi(value).errorMessage).toBeUndefined()
  const document = value as Document
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.values(item).map((operation) => [path, operation] as const),
  )
  for (const [path, operation] of operations) {
    const named = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name)
    expect((operation.parameters ?? []).map(({ name }) => name)).toEqual(named)
    const info = operation['x-payment-info']
    expect('402' in operation.responses).toBe(info !== undefined)
    if (info) expect(isPaymentInfo(info).errorMessage).toBeUndefined()
  }
  const ids = operations.map(([, { operationId }]) => operationId)
  expect(new Set(ids).size).toBe(ids.length)
  // Two templates that differ only in the names of parameters are one path.
  const shapes = Object.keys(document.paths).map((path) => path.replace(/\{[^}]*\}/g, '{}'))
  expect(new Set(shapes).size).toBe(shapes.length)
  return document
}

test('the checks notice what is wrong', () => {
  const document = openApi([], 'http://shop.example') as Record<string, unknown>
  expect(isOpenApi({ ...document, openapi: '2.0' }).valid).toBe(false)
  expect(isOpenApi({ ...document, paths: { nowhere: {} } }).valid).toBe(false)
  expect(isPaymentInfo({ offers: [{ intent: 'stream', method: 'lightning', amount: null }] }).valid).toBe(false)
})

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'streampay-discovery-'))
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'data', 'a.txt'), 'a')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ROUTES = (): RouteInput[] => [
  {
    name: 'chat',
    path: '/v1/chat/*',
    methods: ['POST'],
    upstream: 'http://127.0.0.1:9/',
    price: { input: '0.2 sat/1k tokens', output: '1 sat/1k tokens' },
    credit: '2 sat',
    free: '3 requests/day',
    title: EVIL,
    description: EVIL,
  },
  { name: 'data', path: '/data/**', folder: join(folder, 'data'), price: '1 sat/MiB' },
  { name: 'images', path: '/images/*.png', upstream: 'http://127.0.0.1:9/', price: '2 sat/request' },
  { name: 'search', path: '/mcp', tool: 'search*', upstream: 'http://127.0.0.1:9/', price: '5 sat/request' },
  { name: 'tools', path: '/mcp', tool: '*', upstream: 'http://127.0.0.1:9/', price: '2 sat/request' },
  { name: 'rest', path: '/mcp', methods: ['POST'], upstream: 'http://127.0.0.1:9/', price: 'free' },
  { name: 'never', path: '/mcp', methods: ['POST'], upstream: 'http://127.0.0.1:9/', price: '9 sat/request' },
  { name: 'secret', path: '/secret/**', folder, price: '1 sat/MiB', page: false },
]

const ask = async (stand: Stand, path: string, init?: RequestInit) => fetch(stand.url + path, init)

test('what is sold, where, and for how much: OpenAPI with x-payment-info', async () => {
  const stand = await openStand({ routes: ROUTES() })
  const response = await ask(stand, '/openapi.json')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/json')
  const { paths } = checked(await response.json())
  expect(Object.keys(paths)).toEqual(['/v1/chat/completions', '/data/{p1}', '/images/{p1}.png', '/mcp'])
  const offers = (path: string, method: string) => paths[path]![method]!['x-payment-info']!.offers
  expect(offers('/images/{p1}.png', 'get')).toEqual([
    { intent: 'session', method: 'lightning', amount: '2000', currency: 'msat', description: '2 sat/request' },
  ])
  expect(offers('/data/{p1}', 'get')[0]).toMatchObject({ amount: null, description: '1 sat/MiB' })
  expect(offers('/mcp', 'post').map(({ amount, description }) => [amount, description])).toEqual([
    ['5000', '5 sat/request for tools/call of search*'],
    ['2000', '2 sat/request for tools/call of *'],
  ])
  expect(paths['/v1/chat/completions']!.post!['x-stream-offers']).toMatchObject([
    {
      intent: 'stream',
      route: 'chat',
      unit: 'msat',
      credit: '2000',
      tariff: { output: { amount: '1000', per: '1000' } },
    },
  ])
  expect(JSON.stringify(paths)).not.toMatch(/secret|\\n|\\u2028/)
  expect(await (await ask(stand, '/.stream/openapi.json')).json()).toEqual(
    await (await ask(stand, '/openapi.json')).json(),
  )
  const head = await ask(stand, '/openapi.json', { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
})

test('llms.txt has a line for each, and hostile titles make no line, link or tag of their own', async () => {
  const stand = await openStand({ routes: ROUTES() })
  const text = await (await ask(stand, '/llms.txt')).text()
  const host = new URL(stand.url).host
  expect(text.startsWith(`# ${host}\n`)).toBe(true)
  expect(text.match(/^# .*$/gm)).toEqual([`# ${host}`])
  expect(text.match(/^## .*$/gm)).toEqual(['## For sale', '## Free', '## Optional'])
  expect(text.match(/^- /gm)).toHaveLength(7)
  expect(text).not.toContain('9 sat')
  expect(text).not.toMatch(/(?<!\\)<script|(?<!\\)\]\(javascript|secret/)
  // Every address that is linked is the gateway's own.
  const links = [...text.matchAll(/(?<!\\)\]\(([^)]*)\)/g)].map(([, link]) => link!)
  expect(links.filter((link) => !link.startsWith(`${stand.url}/`))).toEqual([])
})

describe('what stands there itself goes first', () => {
  test('a free answer of an upstream stays; one that costs, or is none, gives way', async () => {
    const own = await upstream((request, response) => {
      response.statusCode = request.url === '/openapi.json' ? 200 : 404
      response.end('{"own":true}')
    })
    const all = (price: string): RouteInput => ({ path: '/**', upstream: own, price })
    const free = await openStand({ routes: [all('free')] })
    expect(await (await ask(free, '/openapi.json')).json()).toEqual({ own: true })
    expect(await (await ask(free, '/llms.txt')).text()).toContain('## Free')
    checked(await (await ask(free, '/.stream/openapi.json')).json())
    const sold = await openStand({ routes: [all('1 sat/request')] })
    checked(await (await ask(sold, '/openapi.json')).json())
    // Nothing was agreed, and nothing written.
    expect(sold.events.filter(({ type }) => type !== 'request')).toEqual([])
    const bought = await sold.buyer().fetch(`${sold.url}/other`)
    expect(bought.status).toBe(404)
  })

  test('any other method is the route’s, and so is all where it is turned off', async () => {
    const stand = await openStand({ routes: ROUTES() })
    expect((await ask(stand, '/openapi.json', { method: 'POST' })).status).toBe(404)
    const off = await openStand({ discovery: false, routes: ROUTES() })
    expect((await ask(off, '/openapi.json')).status).toBe(404)
    expect((await ask(off, '/.stream/llms.txt')).status).toBe(404)
  })
})

test('prices and routes that change are told as they are now', async () => {
  const stand = await openStand({
    routes: [{ name: 'one', path: '/one', file: join(folder, 'data', 'a.txt'), price: '1 sat/request' }],
  })
  const price = async (path: string) => {
    const { paths } = checked(await (await ask(stand, '/openapi.json')).json())
    return paths[path]?.get?.['x-payment-info']?.offers[0]?.amount
  }
  expect(await price('/one')).toBe('1000')
  stand.gateway.setPrice('one', '3 sat/request')
  expect(await price('/one')).toBe('3000')
  const file = join(folder, 'data', 'a.txt')
  await stand.gateway.reload(checkConfig({ routes: [{ name: 'two', path: '/two', file, price: '4 sat/request' }] }))
  expect([await price('/one'), await price('/two')]).toEqual([undefined, '4000'])
})

test('behind a proxy that takes TLS off, links are of https', async () => {
  const stand = await openStand({ listen: { trustProxy: 1 }, routes: ROUTES() })
  const text = await (await ask(stand, '/llms.txt', { headers: { 'x-forwarded-proto': 'https' } })).text()
  expect(text).toContain(`https://${new URL(stand.url).host}/data/`)
})

test('any texts and paths make a valid document', async () => {
  const stand = await openStand({ routes: ROUTES() })
  const segment = fc.stringMatching(/^[a-z*{}<>"'()é-]{1,8}$/).filter((part) => part !== '.' && part !== '..')
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
  const one = fc.record({
    path,
    title: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    price: fc.constantFrom('free', '1 sat/MiB', '2 sat/request'),
    methods: fc.subarray(['GET', 'POST', 'DELETE'] as const, { minLength: 1 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 6 }), async (routes) => {
      let config: ReturnType<typeof checkConfig>
      try {
        config = checkConfig({ routes: routes.map((route) => ({ ...route, upstream: 'http://127.0.0.1:9/' })) })
      } catch {
        fc.pre(false)
        return
      }
      await stand.gateway.reload(config)
      checked(await (await ask(stand, '/.stream/openapi.json')).json())
      const text = await (await ask(stand, '/.stream/llms.txt')).text()
      expect(text.split('\n').filter((line) => line.startsWith('# '))).toHaveLength(1)
    }),
    { numRuns: 60 },
  )
})
