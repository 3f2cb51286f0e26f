import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { type RunningServer, type ServeOptions, serve, type WebHandler } from './node.ts'
import { addressOf, standardRequest } from './request.ts'
import { knownResponse } from './response.ts'

const running: RunningServer[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(running.splice(0).map((server) => server.close(0)))
})

async function start(handler: WebHandler, options: Partial<ServeOptions> = {}): Promise<RunningServer> {
  const server = await serve(handler, { port: 0, ...options })
  running.push(server)
  return server
}

/** A bare connection, for what HTTP clients hide. */
async function dial({ port }: RunningServer, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}

async function until(socket: Socket, pattern: RegExp): Promise<string> {
  let seen = ''
  for await (const [chunk] of onData(socket)) {
    seen += chunk.toString('latin1')
    if (pattern.test(seen)) return seen
  }
  return seen
}

async function* onData(socket: Socket): AsyncGenerator<[Buffer]> {
  for (;;) {
    const chunk: Buffer | null = socket.read()
    if (chunk) yield [chunk]
    else if (socket.readableEnded || socket.destroyed) return
    else {
      const more = Promise.withResolvers<void>()
      const events = ['readable', 'close', 'end']
      for (const event of events) socket.on(event, more.resolve)
      await more.promise
      for (const event of events) socket.off(event, more.resolve)
    }
  }
}

const get = (path = '/', more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

/** A body that never ends; says how many chunks were taken from it and why it was cancelled. */
function endless(size = 64 * 1024) {
  const state = { pulled: 0, reason: undefined as unknown }
  const cancelled = Promise.withResolvers<unknown>()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        state.pulled += 1
        controller.enqueue(new Uint8Array(size))
      },
      cancel: (reason) => cancelled.resolve(reason),
    },
    { highWaterMark: 0 },
  )
  return { state, body, cancelled: cancelled.promise }
}

test('a handler sees method, URL, headers, peer and body, and a real Request where it needs one', async () => {
  const { url } = await start(async (request) => {
    expect(request).toBeInstanceOf(Request)
    const real = new Request('http://elsewhere/', standardRequest(request))
    return Response.json({
      method: request.method,
      url: request.url,
      header: request.headers.get('x-test'),
      address: addressOf(request),
      body: await real.text(),
    })
  })
  const response = await fetch(`${url}/a/%2e%2e/b?x=1`, { method: 'POST', body: 'hello', headers: { 'x-test': 'yes' } })
  expect(await response.json()).toEqual({
    method: 'POST',
    url: `${url}/b?x=1`,
    header: 'yes',
    address: '127.0.0.1',
    body: 'hello',
  })
})

test.each(['http://a b/', '/'])('a target %s or Host that makes no URL is refused, as is TRACE', async (target) => {
  const server = await start(() => new Response('unreached'))
  const host = target === '/' ? 'evil/..@x y' : 'localhost'
  const bad = await dial(server, `GET ${target.replace(' ', '%')} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  expect(await until(bad, /\r\n\r\n/)).toMatch(/^HTTP\/1.1 400 /)
  const trace = await dial(server, `TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  expect(await until(trace, /\r\n\r\n/)).toMatch(/^HTTP\/1.1 400 /)
})

test('URLs are the same as the URL parser writes them', async () => {
  const server = await start((request) => new Response(request.url))
  const odd = ['/a/./b', '/%2E%2e/c', '/a/..', "/q?x='1'", '//evil.example/x', '/a\\..\\b', '/ok/path.txt?a=1&b=%20']
  for (const path of odd) {
    const socket = await dial(server, get(path, 'Connection: close\r\n'))
    const seen = (await until(socket, /\r\n0\r\n/)).split('\r\n\r\n')[1]?.split('\r\n')[1]
    expect(seen).toBe(new URL(`http://localhost${path}`).href)
  }
})

test('status, status text, repeated headers and every kind of body arrive', async () => {
  const bodies: Record<string, () => Response> = {
    '/text': () => new Response('plain'),
    '/known': () => knownResponse('known', { status: 402 }),
    '/bytes': () => knownResponse(new Uint8Array([107]), { headers: { 'content-type': 'x/y' } }),
    '/none': () => new Response(null, { status: 204 }),
    '/unchanged': () => knownResponse('dropped', { status: 304 }),
    '/headers': () => {
      const headers = new Headers({ 'x-a': '1' })
      for (const cookie of ['a=1', 'b=2']) headers.append('set-cookie', cookie)
      for (const challenge of ['Payment id="1"', 'L402 macaroon="2"']) headers.append('www-authenticate', challenge)
      return new Response('x', { status: 402, statusText: 'Pay Up', headers })
    },
  }
  const { url } = await start((request) => bodies[new URL(request.url).pathname]!())
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(url + path, { method })
    return { response, length: response.headers.get('content-length'), body: await response.text() }
  }
  expect(await ask('/text')).toMatchObject({ body: 'plain', length: null })
  expect(await ask('/known')).toMatchObject({ body: 'known', length: '5', response: { status: 402 } })
  expect(await ask('/known', 'HEAD')).toMatchObject({ body: '', length: '5' })
  expect(await ask('/text', 'HEAD')).toMatchObject({ body: '' })
  expect((await ask('/bytes')).response.headers.get('content-type')).toBe('x/y')
  expect(await ask('/none')).toMatchObject({ body: '', length: null, response: { status: 204 } })
  expect(await ask('/unchanged')).toMatchObject({ body: '', length: null, response: { status: 304 } })
  const { response } = await ask('/headers')
  expect(response.statusText).toBe('Pay Up')
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(response.headers.get('www-authenticate')).toBe('Payment id="1", L402 macaroon="2"')
})

test('100 MB arrive whole and unchanged', async () => {
  const block = randomBytes(1 << 20)
  const sizes = [1, 100_000, 262_144, 1 << 20, 65_535]
  const sent = createHash('sha256')
  let left = 100_000_000
  const { url } = await start(
    () =>
      new Response(
        new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              const chunk = block.subarray(0, Math.min(left, sizes[left % sizes.length]!))
              left -= chunk.length
              sent.update(chunk)
              controller.enqueue(chunk)
              if (left === 0) controller.close()
            },
          },
          { highWaterMark: 0 },
        ),
      ),
  )
  const received = createHash('sha256')
  let count = 0
  for await (const chunk of (await fetch(url)).body!) {
    received.update(chunk)
    count += chunk.length
  }
  expect(count).toBe(100_000_000)
  expect(received.digest('hex')).toBe(sent.digest('hex'))
})

test('a reader that pauses pauses the source, and one that goes on lets it go on', async () => {
  const { state, body } = endless()
  const server = await start(() => new Response(body))
  const socket = await dial(server, get())
  await once(socket, 'readable')
  await sleep(300)
  const paused = state.pulled
  await sleep(200)
  expect(state.pulled).toBe(paused)
  // What the two kernels' buffers hold, at most: some megabytes on loopback.
  expect(paused * 64).toBeLessThan(16 * 1024)
  socket.on('data', () => {})
  await sleep(200)
  expect(state.pulled).toBeGreaterThan(paused + 10)
})

test('a chunk is asked for only when the one before was taken', async () => {
  const order: string[] = []
  let left = 50
  const server = await start(
    () =>
      new Response(
        new ReadableStream(
          {
            async pull(controller) {
              order.push('asked')
              await sleep(1)
              order.push('given')
              controller.enqueue(new Uint8Array(10))
              left -= 1
              if (left === 0) controller.close()
            },
          },
          { highWaterMark: 0 },
        ),
      ),
  )
  expect((await (await fetch(server.url)).arrayBuffer()).byteLength).toBe(500)
  expect(order).toEqual(Array.from({ length: 100 }, (_, i) => (i % 2 ? 'given' : 'asked')))
})

test.each(['while it reads', 'while it does not read'])('a client that leaves %s ends body and signal', async (how) => {
  const { state, body, cancelled } = endless()
  const errors: unknown[] = []
  let signal: AbortSignal | undefined
  const handler: WebHandler = (request) => {
    signal = request.signal
    return new Response(body)
  }
  const server = await start(handler, { onError: (error) => errors.push(error) })
  const socket = await dial(server, get())
  await once(socket, 'readable')
  if (how === 'while it reads') socket.resume()
  await sleep(50)
  socket.destroy()
  expect(await cancelled).toMatchObject({ name: 'AbortError' })
  expect(signal).toMatchObject({ aborted: true, reason: { name: 'AbortError' } })
  const { pulled } = state
  await sleep(50)
  expect(state.pulled).toBe(pulled)
  expect(errors).toEqual([])
})

test('a client that leaves before there is an answer aborts the handler; the late answer is cancelled', async () => {
  const { body, cancelled } = endless()
  const aborted = Promise.withResolvers<void>()
  const server = await start(async ({ signal }) => {
    await once(signal, 'abort')
    aborted.resolve()
    return new Response(body)
  })
  const socket = await dial(server, get())
  await sleep(30)
  socket.destroy()
  await aborted.promise
  expect(await cancelled).toMatchObject({ name: 'AbortError' })
})

test('a client that leaves also ends the answers that wait behind another on its connection', async () => {
  const first = endless()
  const second = endless()
  const server = await start((request) => new Response(request.url.endsWith('/1') ? first.body : second.body))
  const socket = await dial(server, get('/1') + get('/2'))
  await once(socket, 'readable')
  await sleep(50)
  socket.destroy()
  expect(await first.cancelled).toMatchObject({ name: 'AbortError' })
  expect(await second.cancelled).toMatchObject({ name: 'AbortError' })
})

test('a signal asked for after the client left is aborted', async () => {
  const seen = Promise.withResolvers<boolean>()
  const server = await start(async (request) => {
    await sleep(100)
    seen.resolve(request.signal.aborted)
    return new Response('late')
  })
  const socket = await dial(server, get())
  await sleep(20)
  socket.destroy()
  expect(await seen.promise).toBe(true)
})

test.each([
  [
    'sync',
    () =>
      ((): never => {
        throw new Error('secret')
      })(),
  ],
  [
    'async',
    async () => {
      throw new Error('secret')
    },
  ],
  ['no response', () => undefined as unknown as Response],
  [
    'body used',
    async () => {
      const r = new Response('x')
      await r.text()
      return r
    },
  ],
])('a handler that fails (%s) answers 500 and keeps its message to the operator', async (_, handler) => {
  const errors: unknown[] = []
  const { url } = await start(handler as WebHandler, { onError: (error) => errors.push(error) })
  const response = await fetch(url)
  expect(response.status).toBe(500)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const body = await response.text()
  expect(JSON.parse(body)).toMatchObject({ code: 'internal', status: 500 })
  expect(body).not.toContain('secret')
  expect(errors).toHaveLength(1)
})

test('an error of ours keeps its status and message', async () => {
  const { url } = await start(() => {
    throw new StreamError('upstream-failed', 'the service is down')
  })
  const response = await fetch(url)
  expect(response.status).toBe(502)
  expect(await response.json()).toMatchObject({ code: 'upstream-failed', detail: 'the service is down' })
})

/** Gives some chunks, then fails. */
const failing = (chunks: number, pauseMs = 5): ReadableStream<Uint8Array> =>
  new ReadableStream(
    {
      async pull(controller) {
        await sleep(pauseMs)
        if (chunks-- === 0) throw new Error('broken')
        controller.enqueue(new TextEncoder().encode('part'))
      },
    },
    { highWaterMark: 0 },
  )

test.each([
  ['HTTP/1.1, chunked', 'HTTP/1.1', {}],
  ['HTTP/1.1, with a length', 'HTTP/1.1', { 'content-length': '100' }],
  ['HTTP/1.0, ended by the connection', 'HTTP/1.0', {}],
])('a body that fails midway breaks the connection: %s', async (_, version, headers) => {
  const errors: unknown[] = []
  const server = await start(() => new Response(failing(2), { headers }), { onError: (error) => errors.push(error) })
  const socket = await dial(server, `GET / ${version}\r\nHost: localhost\r\n\r\n`)
  let seen = ''
  let error: Error | undefined
  socket.on('data', (chunk) => {
    seen += chunk
  })
  socket.on('error', (reset) => {
    error = reset
  })
  await new Promise((resolve) => socket.once('close', resolve))
  expect(seen.match(/part/g)).toHaveLength(2)
  expect(seen).not.toMatch(/\r\n0\r\n/)
  if (version === 'HTTP/1.0') expect(error).toMatchObject({ code: 'ECONNRESET' })
  expect(errors).toMatchObject([{ message: 'broken' }])
})

test.each([
  ['shorter', 'abc', '5'],
  ['longer', 'abcdef', '5'],
])('a body %s than its announced length never passes for a whole one', async (_, body, length) => {
  const { url } = await start(() => new Response(new Blob([body]).stream(), { headers: { 'content-length': length } }))
  const read = fetch(url).then((response) => response.text())
  await expect(read).rejects.toThrow()
})

test('a body of anything but bytes breaks the connection', async () => {
  const { url } = await start(
    () => new Response(new ReadableStream({ start: (controller) => controller.enqueue('text') })),
  )
  const response = await fetch(url)
  expect(response.status).toBe(500)
})

test('the head is sent at once when the first chunk lets itself be waited for', async () => {
  const gate = Promise.withResolvers<void>()
  const { url } = await start(
    () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            await gate.promise
            controller.enqueue(new Uint8Array(1))
            controller.close()
          },
        }),
        { headers: { 'x-early': 'yes' } },
      ),
  )
  const response = await fetch(url)
  expect(response.headers.get('x-early')).toBe('yes')
  gate.resolve()
  expect((await response.arrayBuffer()).byteLength).toBe(1)
})

test('one connection carries many answers, each of its own length', async () => {
  const ports = new Set<number | undefined>()
  const server = await start((request) => {
    const size = Number(new URL(request.url).pathname.slice(1))
    return size % 2 ? new Response(new Uint8Array(size)) : knownResponse(new Uint8Array(size))
  })
  server.server.on('request', ({ socket }) => ports.add(socket.remotePort))
  const sizes = [0, 1, 2, 70_001, 70_002, 1_000_001, 1_000_002, 3]
  const socket = await dial(server, '')
  for (const size of sizes) {
    socket.write(get(`/${size}`))
    const response = await readResponse(socket)
    expect(response.length).toBe(size)
  }
  expect(ports.size).toBe(1)
})

async function readResponse(socket: Socket): Promise<Buffer> {
  let data = Buffer.alloc(0)
  for await (const [chunk] of onData(socket)) {
    data = Buffer.concat([data, chunk])
    const end = data.indexOf('\r\n\r\n')
    if (end < 0) continue
    const length = /content-length: (\d+)/i.exec(data.subarray(0, end).toString())
    if (length && data.length === end + 4 + Number(length[1])) return data.subarray(end + 4)
    if (!length && data.subarray(-5).toString() === '0\r\n\r\n') return dechunk(data.subarray(end + 4))
  }
  throw new Error('the connection ended')
}

function dechunk(data: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const line = data.indexOf('\r\n', at)
    const size = Number.parseInt(data.subarray(at, line).toString(), 16)
    if (size === 0) return Buffer.concat(parts)
    parts.push(data.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
}

function post({ port }: RunningServer, headers: Record<string, string> = {}) {
  const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers })
  request.on('error', () => {})
  return request
}

test('a request body is read no further than its reader asks', async () => {
  const go = Promise.withResolvers<void>()
  const server = await start(async (request) => {
    const reader = request.body!.getReader()
    let size = (await reader.read()).value!.length
    await go.promise
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return new Response(`${size}`)
      size += value.length
    }
  })
  const request = post(server)
  let sent = 0
  const pump = () => {
    while (sent < 64 << 20) {
      sent += 65_536
      if (!request.write(new Uint8Array(65_536))) return
    }
    request.end()
  }
  request.on('drain', pump)
  pump()
  await sleep(400)
  const stuck = sent
  expect(stuck).toBeLessThan(32 << 20)
  await sleep(100)
  expect(sent).toBe(stuck)
  go.resolve()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(await text(response)).toBe(`${64 << 20}`)
})

test('a client that leaves in the middle of its request fails the reading of it', async () => {
  const failed = Promise.withResolvers<unknown>()
  const server = await start(async (request) => {
    await request.text().catch(failed.resolve)
    return new Response('unseen')
  })
  const request = post(server, { 'content-length': '100' })
  request.write('half')
  await sleep(50)
  request.destroy()
  expect(await failed.promise).toMatchObject({ name: 'AbortError' })
})

test('a connection whose request body was dropped carries the next request', async () => {
  const server = await start(async (request) => {
    if (request.method === 'POST') await request.body!.getReader().read()
    return knownResponse(request.method)
  })
  const body = 'x'.repeat(300_000)
  const socket = await dial(server, `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`)
  socket.write(body.slice(0, 200_000))
  expect((await readResponse(socket)).toString()).toBe('POST')
  socket.write(body.slice(200_000) + get())
  expect((await readResponse(socket)).toString()).toBe('GET')
})

test('a request that is answered before its body came ends all the same when it does', async () => {
  const server = await start((request) => knownResponse(request.method))
  const ended = Promise.withResolvers<void>()
  server.server.once('request', (incoming: IncomingMessage) => incoming.once('close', ended.resolve))
  const body = 'x'.repeat(300_000)
  const socket = await dial(server, `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`)
  expect((await readResponse(socket)).toString()).toBe('POST')
  socket.write(body + get())
  // Otherwise the connection would be taken for one that waits for the rest, and ended in the middle of a later answer.
  await ended.promise
  expect((await readResponse(socket)).toString()).toBe('GET')
})

test('with Expect: 100-continue the body is sent for only when it is read', async () => {
  const server = await start(async (request) => {
    if (!request.headers.has('authorization')) return knownResponse('pay', { status: 402 })
    return new Response(await request.text())
  })
  const refused = post(server, { expect: '100-continue', 'content-length': '4' })
  refused.flushHeaders()
  refused.on('continue', () => expect.unreachable())
  const [no] = (await once(refused, 'response')) as [IncomingMessage]
  expect(no).toMatchObject({ statusCode: 402, headers: { connection: 'close' } })
  no.resume()
  refused.destroy()
  const allowed = post(server, { expect: '100-continue', 'content-length': '4', authorization: 'Payment x' })
  allowed.on('continue', () => allowed.end('body'))
  allowed.flushHeaders()
  const [yes] = (await once(allowed, 'response')) as [IncomingMessage]
  expect(await text(yes)).toBe('body')
  expect(yes.headers.connection).not.toBe('close')
})

test('close lets what runs finish within its bound, and no longer', async () => {
  const { body, cancelled } = endless()
  const slow = async () => {
    await sleep(100)
    return new Response('whole')
  }
  const server = await start((request) => (request.url.endsWith('/slow') ? slow() : new Response(body)))
  const answer = fetch(`${server.url}/slow`).then((response) => response.text())
  const stuck = await dial(server, get('/endless'))
  await once(stuck, 'readable')
  const begun = performance.now()
  await server.close(300)
  expect(performance.now() - begun).toBeLessThan(1500)
  expect(await answer).toBe('whole')
  expect(await cancelled).toMatchObject({ name: 'AbortError' })
  await expect(fetch(server.url)).rejects.toThrow()
})

test('close does not wait for a connection that is only kept alive', async () => {
  const server = await start(async () => {
    await sleep(50)
    return knownResponse('x')
  })
  const socket = await dial(server, get())
  await sleep(10)
  const begun = performance.now()
  await server.close(3000)
  expect(performance.now() - begun).toBeLessThan(1000)
  expect(await until(socket, /x$/)).toMatch(/x$/)
})

test('a port in use is an error', async () => {
  const { port } = await start(() => new Response())
  await expect(serve(() => new Response(), { port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test.each(['0.0.0.0', '::', ''])('plain http on "%s" has to be allowed', async (host) => {
  const answer = () => new Response('hello')
  await expect(serve(answer, { port: 0, host })).rejects.toMatchObject({
    code: 'transport-insecure',
    details: { host },
  })
  const { port } = await start(answer, { host, insecure: true })
  expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('hello')
})

test('a certificate without its key is a mistake, and never plain http', async () => {
  const serving = serve(() => new Response(), { port: 0, cert: 'x' })
  await expect(serving).rejects.toMatchObject({ code: 'option-invalid' })
})
