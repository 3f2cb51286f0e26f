import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningServer, serve } from '../adapters/node.ts'
import { serveFile, serveFolder } from './folder.ts'

const FILM = randomBytes(3_000_000)
let home: string
let server: RunningServer

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stream-folder-'))
  const folder = join(home, 'sold')
  await mkdir(join(folder, 'sub dir', 'deep'), { recursive: true })
  await mkdir(join(folder, 'site'))
  await mkdir(join(folder, '.git'))
  await mkdir(join(home, 'sold-not'))
  const files: Record<string, string | Buffer> = {
    'sold/film.mp4': FILM,
    'sold/a b?#.txt': 'odd name',
    'sold/<b>.txt': 'tag',
    'sold/empty.bin': '',
    'sold/.secret': 'hidden',
    'sold/.git/config': 'hidden',
    'sold/sub dir/deep/list.m3u8': '#EXTM3U',
    'sold/site/index.html': '<p>index',
    'secret.txt': 'outside',
    'sold-not/secret.txt': 'neighbour',
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(home, name), content)
  await symlink(join(home, 'secret.txt'), join(folder, 'out.txt'))
  await symlink(home, join(folder, 'up'))
  await symlink(join(home, 'sold-not'), join(folder, 'next'))
  await symlink('.secret', join(folder, 'shown.txt'))
  await symlink('film.mp4', join(folder, 'link.mp4'))
  await symlink('loop', join(folder, 'loop'))
  execFileSync('mkfifo', [join(folder, 'pipe')])
  server = await serve(serveFolder(folder), { port: 0 })
})
afterAll(async () => {
  await server.close(0)
  await rm(home, { recursive: true })
})

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(server.url + path, { headers, method, redirect: 'manual' })
const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer())

/** The status of a target as written: HTTP clients would tidy it first. */
async function rawStatus(target: string): Promise<number> {
  const socket = connect(server.port, '127.0.0.1')
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  let seen = ''
  for await (const chunk of socket) seen += chunk
  expect(seen).not.toMatch(/outside|hidden|neighbour/)
  return Number(seen.slice(9, 12))
}

test('a file arrives whole, with its type, length and validators', async () => {
  const response = await get('/film.mp4')
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'video/mp4',
    'content-length': '3000000',
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    etag: expect.stringMatching(/^"[\w.-]+"$/),
    'last-modified': expect.stringMatching(/GMT$/),
  })
  expect((await bytes(response)).equals(FILM)).toBe(true)
})

test.each([
  ['/a%20b%3F%23.txt', 'odd name', 'text/plain; charset=utf-8'],
  ['/sub%20dir/deep/list.m3u8', '#EXTM3U', 'application/vnd.apple.mpegurl'],
  ['/sub%20dir//deep/./list.m3u8', '#EXTM3U', 'application/vnd.apple.mpegurl'],
  ['/empty.bin', '', 'application/octet-stream'],
  ['/site/', '<p>index', 'text/html; charset=utf-8'],
])('%s', async (path, body, type) => {
  const response = await get(path)
  expect(response.headers.get('content-type')).toBe(type)
  expect(await response.text()).toBe(body)
})

test('a link inside the folder is followed', async () => {
  expect((await bytes(await get('/link.mp4'))).equals(FILM)).toBe(true)
})

test.each([
  '/none',
  '/.secret',
  '/.git/config',
  '/%2esecret',
  '/shown.txt',
  '/out.txt',
  '/up/secret.txt',
  '/next/secret.txt',
  '/loop',
  '/pipe',
  '/film.mp4/',
  '/film.mp4/x',
  '/../secret.txt',
  '/../sold-not/secret.txt',
  '/..%2fsecret.txt',
  '/%2e%2e/secret.txt',
  '/%2e%2e%2fsecret.txt',
  '/sub%20dir/..%2f..%2f..%2fsecret.txt',
  '/..%5csecret.txt',
  '/..\\secret.txt',
  '/x%00.mp4',
  '/film.mp4%00',
  '/%',
  '/%ff%fe',
  '//etc/passwd',
  '/%2fetc/passwd',
  `/${'a'.repeat(300)}`,
])('%j is not there', async (target) => {
  expect(await rawStatus(target)).toBe(404)
})

test('only GET and HEAD', async () => {
  const response = await get('/film.mp4', {}, 'PUT')
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toBe('GET, HEAD')
  const head = await get('/film.mp4', { range: 'bytes=0-1' }, 'HEAD')
  expect(head.status).toBe(200)
  expect(head.headers.get('content-length')).toBe('3000000')
  expect((await bytes(head)).length).toBe(0)
})

test.each([
  ['bytes=0-0', 0, 1],
  ['bytes=0-', 0, 3_000_000],
  ['bytes=100-199', 100, 200],
  ['bytes=2999999-', 2_999_999, 3_000_000],
  ['bytes=500000-1500000', 500_000, 1_500_001],
  ['bytes=2999000-99999999', 2_999_000, 3_000_000],
  ['bytes=-500', 2_999_500, 3_000_000],
  ['bytes=-99999999', 0, 3_000_000],
])('range %s', async (range, start, end) => {
  const response = await get('/film.mp4', { range })
  expect(response.status).toBe(206)
  expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/3000000`)
  expect(response.headers.get('content-length')).toBe(`${end - start}`)
  expect((await bytes(response)).equals(FILM.subarray(start, end))).toBe(true)
})

test.each(['bytes=3000000-', 'bytes=9999999-99999999', 'bytes=-0'])('range %s cannot be satisfied', async (range) => {
  const response = await get('/film.mp4', { range })
  expect(response.status).toBe(416)
  expect(response.headers.get('content-range')).toBe('bytes */3000000')
})

test.each([
  'bytes=5-2',
  'bytes=-',
  'bytes=a-b',
  'bytes=0-1,5-6',
  'lines=1-2',
  'bytes 0-1',
  'bytes=99999999999999999999-',
])('range %s is no single range: the whole', async (range) => {
  const response = await get('/film.mp4', { range })
  expect(response.status).toBe(200)
  await response.body?.cancel()
})

test('what the client has is not sent again, unless it changed', async () => {
  const { headers } = await get('/film.mp4', {}, 'HEAD')
  const etag = headers.get('etag')!
  const modified = headers.get('last-modified')!
  const status = async (conditions: Record<string, string>) => {
    const response = await get('/film.mp4', conditions)
    await response.body?.cancel()
    return response.status
  }
  expect(await status({ 'if-none-match': etag })).toBe(304)
  expect(await status({ 'if-none-match': `"x", W/${etag}` })).toBe(304)
  expect(await status({ 'if-none-match': '*' })).toBe(304)
  expect(await status({ 'if-none-match': '"x"', 'if-modified-since': modified })).toBe(200)
  expect(await status({ 'if-modified-since': modified })).toBe(304)
  expect(await status({ 'if-modified-since': new Date(0).toUTCString() })).toBe(200)
  expect(await status({ 'if-modified-since': 'never' })).toBe(200)
  expect(await status({ range: 'bytes=0-1', 'if-range': etag })).toBe(206)
  expect(await status({ range: 'bytes=0-1', 'if-range': modified })).toBe(206)
  expect(await status({ range: 'bytes=0-1', 'if-range': '"x"' })).toBe(200)
  expect(await status({ range: 'bytes=0-1', 'if-range': `W/${etag}` })).toBe(200)
  await utimes(join(home, 'sold', 'film.mp4'), new Date(), new Date(Date.now() + 5000))
  expect(await status({ 'if-none-match': etag })).toBe(200)
  expect(await status({ range: 'bytes=0-1', 'if-range': etag })).toBe(200)
})

test('a folder lists its visible files, as a page or as JSON, and its links lead to them', async () => {
  expect(await (await get('/', { accept: 'application/json' })).json()).toEqual({
    entries: [
      { name: '<b>.txt', type: 'file' },
      { name: 'a b?#.txt', type: 'file' },
      { name: 'empty.bin', type: 'file' },
      { name: 'film.mp4', type: 'file' },
      { name: 'site', type: 'folder' },
      { name: 'sub dir', type: 'folder' },
    ],
  })
  const page = await (await get('/')).text()
  expect(page).not.toContain('<b>')
  for (const [, href] of page.matchAll(/href="([^"]+)"/g)) {
    const found = await fetch(new URL(href!, `${server.url}/`))
    expect(found.status).toBe(200)
    await found.body?.cancel()
  }
  const redirect = await get('/sub%20dir')
  expect(redirect.status).toBe(308)
  expect(new URL(redirect.headers.get('location')!, `${server.url}/sub%20dir`).pathname).toBe('/sub%20dir/')
})

const openFilms = async () => {
  const links = await readdir('/proc/self/fd')
  const { readlink } = await import('node:fs/promises')
  const names = await Promise.all(links.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return names.filter((name) => name.endsWith('big.bin')).length
}

test.runIf(process.platform === 'linux')('the file is closed however the reading of it ends', async () => {
  const path = join(home, 'big.bin')
  await writeFile(path, '')
  await truncate(path, 50_000_000)
  const handler = serveFile(path)
  const meter = new AbortController()
  const request = new Request('http://localhost/')

  const read = await handler(request)
  expect(await openFilms()).toBe(1)
  expect((await read.arrayBuffer()).byteLength).toBe(50_000_000)
  expect(await openFilms()).toBe(0)

  const reader = (await handler(request)).body!.getReader()
  await reader.read()
  await reader.cancel()
  expect(await openFilms()).toBe(0)

  // An answer that nobody reads: the gate never opened.
  await handler(request, meter)
  expect(await openFilms()).toBe(1)
  meter.abort()
  await sleep(50)
  expect(await openFilms()).toBe(0)

  await handler(new Request(request, { method: 'HEAD' }))
  expect(await openFilms()).toBe(0)

  const single = await serve(handler, { port: 0 })
  const client = new AbortController()
  const response = await fetch(single.url, { signal: client.signal })
  await response.body!.getReader().read()
  expect(await openFilms()).toBe(1)
  client.abort()
  await sleep(100)
  expect(await openFilms()).toBe(0)
  await single.close(0)
})

test('a file that becomes shorter while it is read breaks off', async () => {
  const path = join(home, 'shrinks.bin')
  await writeFile(path, '')
  await truncate(path, 4_000_000)
  const reader = (await serveFile(path)(new Request('http://localhost/'))).body!.getReader()
  await reader.read()
  await truncate(path, 1000)
  const drain = async () => {
    while (!(await reader.read()).done);
  }
  await expect(drain()).rejects.toThrow('shorter')
})

test('a file is read only when it is asked for', async () => {
  const path = join(home, 'counted.bin')
  await writeFile(path, randomBytes(5_000_000))
  const reader = (await serveFile(path)(new Request('http://localhost/'))).body!.getReader()
  const first = await reader.read()
  // What was not read yet changes with the disk: nothing lies ready.
  await writeFile(path, Buffer.alloc(5_000_000, 7))
  await sleep(50)
  const second = await reader.read()
  expect(first.value!.length).toBe(512 * 1024)
  expect(second.value!.every((byte) => byte === 7)).toBe(true)
  await reader.cancel()
})

test('a single file is served at any path, and a missing one is not', async () => {
  const file = serveFile(join(home, 'secret.txt'))
  expect(await (await file(new Request('http://localhost/anything'))).text()).toBe('outside')
  expect((await serveFile(join(home, 'nothing'))(new Request('http://localhost/'))).status).toBe(404)
})
