import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { checkConfig } from '../config/read.ts'
import type { GatewayConfigInput } from '../config/schema.ts'
import type { GatewayRoute } from '../gateway.ts'
import type { Film } from '../video/source.ts'
import { withCors } from './cors.ts'
import { escapeHtml } from './html.ts'
import { gatewayPages } from './pages.ts'

const built = mkdtempSync(path.join(tmpdir(), 'streampay-pages-'))
afterAll(() => rmSync(built, { recursive: true }))
writeFileSync(path.join(built, 'play.js'), 'let x')
writeFileSync(path.join(built, 'hls-12345678.js'), 'let y')
writeFileSync(path.join(built, '.secret'), 'no')

const EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
const FILMS: readonly Film[] = [
  { title: EVIL, playlist: '/a%20b/index.m3u8', poster: '/a%20b/poster.jpg' },
  { title: 'Walk', playlist: '/walk.mp4/index.m3u8' },
  { title: 'Dash' },
]
type RouteInput = GatewayConfigInput['routes'][number]
const VIDEO: RouteInput = { name: 'films', path: '/films/**', video: './films', price: '1 sat/s', description: EVIL }
const CHAT: RouteInput = {
  name: 'chat',
  path: '/v1/chat/*',
  methods: ['POST'],
  upstream: 'http://127.0.0.1:9/',
  price: '1 sat/token',
  title: EVIL,
  model: EVIL.slice(0, 40),
}

function routesOf(films: readonly Film[] | undefined, ...inputs: RouteInput[]): GatewayRoute[] {
  const { routes } = checkConfig({ routes: inputs })
  return routes.map((config) => ({
    name: config.name ?? 'all',
    config,
    title: config.name ?? 'all',
    priced: undefined,
    seller: undefined as never,
    films: config.video === undefined ? undefined : films,
  }))
}
function serving(routes: readonly GatewayRoute[]) {
  const serve = gatewayPages({ routes: () => routes, built })
  const request = (target: string, init?: RequestInit) => new Request(`http://shop.example${target}`, init)
  return {
    ask: async (target: string, init?: RequestInit) => (await serve(request(target, init)))!,
    /** What a browser gets where a route has answered with this status. */
    go: async (target: string, status: number, name?: string) => {
      const page = await serve(request(target), { route: routes.find((route) => route.name === name), status })
      const text = await page?.text()
      return text && (/data-src="([^"]*)"/.exec(text)?.[1] ?? /<h1>(For sale)/.exec(text)?.[1] ?? text)
    },
  }
}
const { ask, go } = serving(routesOf(FILMS, VIDEO, CHAT))

test('a player names its playlist, and lets nothing run that a title or a path brings along', async () => {
  const response = await ask(`/.stream/play/films/a%20b/"onload="alert(3).m3u8`)
  const text = await response.text()
  expect(text).toContain('data-src="/a%20b/%22onload=%22alert(3).m3u8"')
  expect(text).not.toContain('<script>alert')
  expect(text).not.toContain('<img')
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self';")
  expect(policy).not.toContain('unsafe')
})

test('a model has a page where it is asked, by the name that its route is for', async () => {
  const text = await (await ask('/.stream/try/chat')).text()
  expect(text).toContain('data-src="/v1/chat/completions"')
  expect(text).not.toContain('<script>alert')
  expect(text).not.toContain('<img')
})

test('all that is sold is listed: films by themselves, models, what is free, and how a program buys the rest', async () => {
  const { ask } = serving(
    routesOf(
      FILMS,
      VIDEO,
      CHAT,
      { name: 'data', path: '/data/*', folder: '.', price: '1 sat/MiB' },
      { name: 'terms', path: '/terms', file: './terms.txt', price: 'free' },
      { name: 'secret', path: '/secret/**', folder: '.', price: '1 sat/MiB', page: false },
    ),
  )
  const text = await (await ask('/.stream/')).text()
  const links = [...text.matchAll(/<h2><a href="([^"]*)"/g)].map(([, href]) => href)
  const films = ['/.stream/play/films/films/a%20b/index.m3u8', '/.stream/play/films/films/walk.mp4/index.m3u8']
  expect(links).toEqual([...films, '/.stream/try/chat', '/terms'])
  expect(text).toContain('src="/films/a%20b/poster.jpg"')
  expect(text).toContain('Dash')
  expect(text).toContain('<code>streampay get http://shop.example/data/</code>')
  expect(text).not.toMatch(/secret|<script|<img src=x/)
})

test('a film that is being prepared is listed as such', async () => {
  const { ask } = serving(routesOf(undefined, VIDEO))
  expect(await (await ask('/.stream/')).text()).toContain('being prepared')
})

const WALK = '/films/walk.mp4/index.m3u8'
test.each<[target: string, status: number, route: string | undefined, page: string | undefined]>([
  // What a route serves stays.
  ['/films/walk.mp4/poster.jpg', 200, 'films', undefined],
  ['/v1/chat/completions', 200, 'chat', undefined],
  ['/films/x', 404, 'films', undefined],
  ['/elsewhere', 404, undefined, undefined],
  // A playlist is free, and of no use to a browser by itself.
  [WALK, 200, 'films', WALK],
  ['/films/walk.mp4/240p/1.m4s', 402, 'films', WALK],
  ['/films/other/1.m4s', 402, 'films', 'For sale'],
  ['/', 404, undefined, 'For sale'],
  // A route that takes POST alone is asked by a browser with GET.
  ['/v1/chat/completions', 405, undefined, '/v1/chat/completions'],
  ['/v1/chat/completions', 402, 'chat', '/v1/chat/completions'],
  ['/v1/chat/other', 402, 'chat', 'For sale'],
])('a browser that goes to %s, answered %d by %s, gets the page of %s', async (target, status, route, page) => {
  expect(await go(target, status, route)).toBe(page)
})

test.each<[source: Partial<RouteInput>, tries: string | undefined]>([
  [{ price: '1 sat/1k tokens' }, '/v1/chat/completions'],
  [{ price: { input: '1 sat/token' } }, '/v1/chat/completions'],
  [{ price: '1 sat/MiB' }, undefined],
  [{ price: 'free', path: '/api/chat' }, undefined],
  [{ path: '/api/chat', price: '1 sat/request' }, '/api/chat'],
  [{ path: '/llm/**', model: 'smol*', price: '1 sat/s' }, '/llm/v1/chat/completions'],
  [{ path: '/eu/chat/completions', price: '1 sat/s' }, '/eu/chat/completions'],
  [{ path: '/v1/embeddings', price: '1 sat/token' }, undefined],
  [{ methods: ['GET'], price: '1 sat/token' }, undefined],
  [{ headers: { 'x-team': 'a' }, price: '1 sat/token' }, undefined],
])('%j is a model that is asked at %s', async (source, tries) => {
  const route = { name: 'it', upstream: 'http://127.0.0.1:9', ...source } as RouteInput
  const { ask } = serving(routesOf([], route))
  const response = await ask('/.stream/try/it')
  expect(/data-src="([^"]*)"/.exec(await response.text())?.[1]).toBe(tries)
})

test('a service that tells its models has them to choose from, those of its route', async () => {
  const models = JSON.stringify({ data: [{ id: 'smol-1' }, { id: 'smol-2' }, { id: 'big' }, { id: 7 }] })
  const asked: string[] = []
  const server = createServer(({ url, headers }, response) => {
    asked.push(`${url} ${headers.authorization}`)
    response.end(models)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const upstreamHeaders = { authorization: 'Bearer key' }
  const { ask } = serving(routesOf([], { name: 'it', upstream, upstreamHeaders, model: 'smol*', price: '1 sat/token' }))
  for (let i = 0; i < 2; i++) {
    const text = await (await ask('/.stream/try/it')).text()
    expect([...text.matchAll(/<option>([^<]*)/g)].map(([, name]) => name)).toEqual(['smol-1', 'smol-2'])
  }
  expect(asked).toEqual(['/v1/models Bearer key'])
  server.close()
})

test('whatever a text holds, none of it is read as HTML', () => {
  fc.assert(fc.property(fc.string(), (text) => !/[<>"'`]/.test(escapeHtml(text))))
})

test('built files are served by name, with their type, and nothing else of the folder or outside', async () => {
  expect((await ask('/.stream/app/play.js')).headers.get('cache-control')).toBe('no-cache')
  expect((await ask('/.stream/app/hls-12345678.js')).headers.get('cache-control')).toContain('immutable')
  expect((await ask('/.stream/app/play.js')).headers.get('content-type')).toContain('text/javascript')
  for (const name of ['.secret', '..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/package.json', 'constructor', 'none.js']) {
    expect((await ask(`/.stream/app/${name}`)).status, name).toBe(404)
  }
})

test('what was not built says so', async () => {
  const bare = gatewayPages({ routes: () => [], built: path.join(built, 'nowhere') })
  expect((await bare(new Request('http://shop.example/.stream/app/play.js')))!.status).toBe(503)
})

test.each([
  '/.stream/play/none/x',
  '/.stream/play/chat/x',
  '/.stream/try/films',
  '/.stream/play/films/x.mp4',
  '/.stream/other',
  '/.stream/try/chat/more',
])('%s is not found', async (target) => expect((await ask(target)).status).toBe(404))

test('pages are read and not written', async () => {
  expect((await ask('/.stream/try/chat', { method: 'POST' })).status).toBe(405)
})

test('pages of other origins may ask, and read what paying needs', async () => {
  const handle = withCors(() => new Response('x', { status: 402 }))
  const origin = 'https://page.example'
  const preflight = await handle(
    new Request('http://shop.example/', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET' },
    }),
  )
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
  const response = await handle(new Request('http://shop.example/', { headers: { origin } }))
  expect(response.headers.get('access-control-expose-headers')).toContain('www-authenticate')
  expect(response.headers.get('access-control-allow-credentials')).toBeNull()
  expect((await handle(new Request('http://shop.example/'))).headers.has('access-control-allow-origin')).toBe(false)
})
