import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { withCors } from './cors.ts'
import { escapeHtml } from './html.ts'
import { type PageRoute, pages, withPage } from './pages.ts'

const built = mkdtempSync(path.join(tmpdir(), 'streampay-pages-'))
afterAll(() => rmSync(built, { recursive: true }))
writeFileSync(path.join(built, 'play.js'), 'let x')
writeFileSync(path.join(built, 'hls-12345678.js'), 'let y')
writeFileSync(path.join(built, '.secret'), 'no')

const EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
const films: PageRoute = { name: 'films', title: EVIL, kind: 'video', description: EVIL }
const chat: PageRoute = { name: 'chat', title: 'Chat', kind: 'model', path: '/v1/chat/completions', model: EVIL }
const serve = pages({ routes: () => [films, chat], built })
const ask = (target: string, init?: RequestInit) => serve(new Request(`http://shop.example${target}`, init))

test('only /.stream/ is answered', () => {
  expect(ask('/film.m3u8')).toBeUndefined()
  expect(ask('/.streams/play')).toBeUndefined()
})

test('a player names its playlist, and lets nothing run that a title or a path brings along', async () => {
  const response = ask(`/.stream/play/films/a%20b/"onload="alert(3)`)!
  const text = await response.text()
  expect(text).toContain('data-src="/a%20b/%22onload=%22alert(3)"')
  expect(text).not.toContain('<script>alert')
  expect(text).not.toContain('<img')
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self';")
  expect(policy).not.toContain('unsafe')
})

test('a model has a page where it is asked', async () => {
  const text = await ask('/.stream/try/chat')!.text()
  expect(text).toContain('data-src="/v1/chat/completions"')
  expect(text).not.toContain('<script>alert')
})

test('whatever a text holds, none of it is read as HTML', () => {
  fc.assert(fc.property(fc.string(), (text) => !/[<>"'`]/.test(escapeHtml(text))))
})

test('built files are served by name, with their type, and nothing else of the folder or outside', async () => {
  expect(ask('/.stream/app/play.js')!.headers.get('cache-control')).toBe('no-cache')
  expect(ask('/.stream/app/hls-12345678.js')!.headers.get('cache-control')).toContain('immutable')
  expect(ask('/.stream/app/play.js')!.headers.get('content-type')).toContain('text/javascript')
  for (const name of ['.secret', '..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/package.json', 'constructor', 'none.js']) {
    expect(ask(`/.stream/app/${name}`)?.status ?? 404, name).toBe(404)
  }
})

test('what was not built says so', () => {
  const bare = pages({ routes: () => [], built: path.join(built, 'nowhere') })
  expect(bare(new Request('http://shop.example/.stream/app/play.js'))!.status).toBe(503)
})

test.each([
  '/.stream/play/none/x',
  '/.stream/play/chat/x',
  '/.stream/try/films',
  '/.stream/',
  '/.stream/try/chat/more',
])('%s is not found', (target) => expect(ask(target)!.status).toBe(404))

test('pages are read and not written', () => {
  expect(ask('/.stream/try/chat', { method: 'POST' })!.status).toBe(405)
})

test('a browser gets the player with the 402, and a program its problem', () => {
  const refused = () => Response.json({}, { status: 402, headers: { 'www-authenticate': 'Payment x' } })
  const request = (headers: Record<string, string>) => new Request('http://shop.example/film.m3u8', { headers })
  const html = withPage(request({ accept: 'text/html,*/*' }), films, refused())
  expect([html.status, html.headers.get('www-authenticate')]).toEqual([402, 'Payment x'])
  expect(html.headers.get('content-type')).toContain('text/html')
  for (const headers of [{ accept: '*/*' }, { accept: 'text/html', authorization: 'Payment y' }]) {
    expect(withPage(request(headers), films, refused()).headers.get('content-type')).toContain('application/json')
  }
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
