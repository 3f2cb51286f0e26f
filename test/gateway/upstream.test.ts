import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { proxyTo } from '../../src/seller/sources/upstream.ts'
import { atEnd, openStand, upstream } from './stand.ts'

/** A service that answers every request with these bytes, whatever they are. */
async function raw(answer: string, andThen: (socket: Socket) => void = () => {}): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(answer, 'latin1')
      andThen(socket)
    })
    atEnd(() => void socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const request = () => new Request('http://shop.example/')

test.each([
  ['no HTTP', 'what?\r\n\r\n', undefined],
  ['a header that is none', 'HTTP/1.1 200 OK\r\nbad header\r\n\r\n', undefined],
  ['a status that is none', 'HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n', undefined],
  [
    'an encoding that nobody knows',
    'HTTP/1.1 200 OK\r\ncontent-encoding: zip\r\ncontent-length: 1\r\n\r\nx',
    undefined,
  ],
  [
    'an upgrade that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    undefined,
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', undefined],
  ['nothing', '', undefined],
  ['an end before the head', 'HTTP/1.1 200', (socket: Socket) => void socket.end()],
])('an upstream that answers %s is a 502', async (_, answer, andThen) => {
  const proxy = proxyTo(await raw(answer, andThen), { silenceMs: 300 })
  await expect(proxy(request())).rejects.toMatchObject({ code: 'upstream-failed', status: 502 })
})

test.each([
  ['too little', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort', (socket: Socket) => void socket.end()],
  ['a chunk that is none', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n', undefined],
  ['nothing more', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort', undefined],
  ['junk for gzip', 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nshort', undefined],
])('an upstream that sends %s: the answer is broken off', async (_, answer, andThen) => {
  const response = await proxyTo(await raw(answer, andThen), { silenceMs: 300 })(request())
  await expect(response.text()).rejects.toThrow()
})

test('without a length the body ends with the connection', async () => {
  const url = await raw('HTTP/1.0 200 OK\r\n\r\nall of it', (socket) => void socket.end())
  expect(await (await proxyTo(url)(request())).text()).toBe('all of it')
})

test('connections are kept, and one that was closed meanwhile is no failure', async () => {
  const ports = new Set<number | undefined>()
  const sockets: Socket[] = []
  const url = await upstream((incoming, response) => {
    ports.add(incoming.socket.remotePort)
    sockets.push(incoming.socket)
    response.end('x')
  })
  const proxy = proxyTo(url)
  for (let i = 0; i < 3; i++) expect(await (await proxy(request())).text()).toBe('x')
  expect(ports.size).toBe(1)
  sockets[0]?.resetAndDestroy()
  expect(await (await proxy(request())).text()).toBe('x')
  expect(ports.size).toBe(2)
  proxy.close()
})

test.each([
  ['a name from every object', '__proto__: x'],
  ['a header of this connection', 'connection: x-dear\r\nx-dear: 1'],
  ['lengths in two ways', 'content-length: 4\r\ntransfer-encoding: chunked'],
  ['a length twice', 'content-length: 4\r\ncontent-length: 5'],
  ['an odd way to say chunked', 'transfer-encoding: xchunked'],
  ['a line that is folded', 'x-a: b\r\n content-length: 3'],
  ['a host with a path', 'host: shop.example/dear'],
  ['a second credential', 'authorization: Payment a\r\nauthorization: Bearer b'],
  ['a key for the upstream', 'proxy-authorization: Basic x'],
])('%s does not reach the upstream', async (_, headers) => {
  const seen: string[] = []
  const url = await upstream((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url} ${JSON.stringify(incoming.headers)}`)
    incoming.resume()
    response.end()
  })
  const stand = await openStand({ routes: [{ upstream: url, price: 'free' }] })
  const socket = connect(Number(new URL(stand.url).port), '127.0.0.1')
  const answers: string[] = []
  socket.on('data', (data) => answers.push(data.toString()))
  const host = headers.startsWith('host') ? '' : 'host: shop.example\r\n'
  socket.write(`POST /a HTTP/1.1\r\n${host}${headers}\r\n\r\n0\r\n\r\nGET /dear HTTP/1.1\r\nhost: shop.example\r\n\r\n`)
  await expect.poll(() => answers.join('')).toMatch(/^HTTP\/1\.1 \d{3}/)
  socket.destroy()
  expect(seen.length).toBeLessThanOrEqual(2)
  for (const line of seen) {
    expect(line).not.toMatch(/authorization|x-dear|__proto__|transfer-encoding":"x|Payment|Basic/)
  }
})

test('a body without end is what is paid for: held when nobody pays, and let go', async () => {
  let sent = 0
  let gone = false
  const url = await upstream((_, response) => {
    const go = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384))) sent += 16_384
    }
    response.on('drain', go)
    response.on('close', () => {
      gone = true
    })
    go()
  })
  const stand = await openStand({ routes: [{ upstream: url, price: '1 sat/KiB', grace: '200ms' }] })
  const response = await stand.buyer({ max: '50 sat' }).fetch(stand.url)
  let received = 0
  const read = async () => {
    for await (const chunk of response.body!) received += chunk.length
  }
  await expect(read()).rejects.toThrow()
  expect(received).toBeLessThanOrEqual(50 * 1024)
  await expect.poll(() => gone).toBe(true)
  expect(sent).toBeLessThan(64 << 20)
})
