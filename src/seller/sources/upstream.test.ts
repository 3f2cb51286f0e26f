import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { serve } from '../adapters/node.ts'
import { proxyTo } from './upstream.ts'

const ending: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})

async function upstream(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ending.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

async function proxy(base: string) {
  const running = await serve(proxyTo(base), { port: 0 })
  ending.push(() => running.close(0))
  return running.url
}

/** An upstream that tells what it was sent. */
const echo: RequestListener = async (request, response) => {
  const { method, url, headers } = request
  const body = await text(request)
  response.end(JSON.stringify({ method, url, headers, body }))
}

test('method, path, query, headers and body reach the upstream', async () => {
  const url = await proxy(`${(await upstream(echo)).url}/base/`)
  const response = await fetch(`${url}/v1/x%20y?q=1&q=2`, { method: 'PUT', body: 'hello', headers: { 'x-own': '1' } })
  expect(await response.json()).toMatchObject({
    method: 'PUT',
    url: '/base/v1/x%20y?q=1&q=2',
    body: 'hello',
    headers: { 'x-own': '1', 'content-length': '5', 'content-type': 'text/plain;charset=UTF-8' },
  })
})

test('what is between buyer and seller stays there; what the proxy says for itself is added', async () => {
  const source = await upstream(echo)
  const handler = proxyTo(source.url.replace('//', '//user:p%40ss@'))
  const response = await handler(
    new Request('https://shop.example/x', {
      headers: {
        authorization: 'Payment secret',
        'payment-receipt': 'receipt',
        'accept-encoding': 'gzip, br',
        connection: 'x-hop, keep-alive',
        'x-hop': '1',
        te: 'trailers',
        'proxy-authorization': 'Basic x',
        'x-forwarded-for': '203.0.113.9',
      },
    }),
  )
  const sent = await response.text()
  expect(sent).not.toContain('secret')
  expect(sent).not.toContain('receipt')
  expect(JSON.parse(sent).headers).toMatchObject({
    authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    'accept-encoding': 'identity',
    host: new URL(source.url).host,
    'x-forwarded-host': 'shop.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '203.0.113.9',
  })
  for (const name of ['x-hop', 'te', 'proxy-authorization', 'payment-receipt']) {
    expect(JSON.parse(sent).headers).not.toHaveProperty(name)
  }
})

test('the address of the buyer is told', async () => {
  const url = await proxy((await upstream(echo)).url)
  const { headers } = (await (await fetch(url, { headers: { 'x-forwarded-for': '203.0.113.9' } })).json()) as {
    headers: Record<string, string>
  }
  expect(headers['x-forwarded-for']).toBe('203.0.113.9, 127.0.0.1')
})

test.each(['POST', 'DELETE', 'GET'])('a %s without a body is passed on without one', async (method) => {
  const url = await proxy((await upstream(echo)).url)
  const sent = (await (await fetch(url, { method })).json()) as { body: string; headers: Record<string, string> }
  expect(sent).toMatchObject({ method, body: '' })
  expect(sent.headers).not.toHaveProperty('transfer-encoding')
})

test.each(['/%2e%2e%2fadmin', '/a/..%2fadmin', '/..%5cadmin', '/x/%2e%2e;/y', '/%2E.%2Fz'])(
  '%s does not climb out of the upstream path',
  async (path) => {
    const { url } = await upstream(() => expect.unreachable())
    expect((await proxyTo(`${url}/base`)(new Request(`http://shop.example${path}`))).status).toBe(404)
  },
)

test.each(['//elsewhere.example/x', '/@elsewhere.example/', '/a/../../b', '/files%2Fname', '/..a/.well-known/x'])(
  '%s stays at the upstream',
  async (path) => {
    const { url } = await upstream(echo)
    const response = await proxyTo(`${url}/base`)(new Request(`http://shop.example${path}`))
    const sent = (await response.json()) as { url: string }
    expect(sent.url).toBe(`/base${new URL(`http://shop.example${path}`).pathname}`)
  },
)

test('status and headers come back, but for those of the connection; redirects are not followed', async () => {
  const source = await upstream((_, response) => {
    response.writeHead(302, 'Over There', {
      location: 'http://elsewhere.example/',
      'set-cookie': ['a=1', 'b=2'],
      connection: 'x-hop, close',
      'x-hop': '1',
      'payment-receipt': 'not yours to give',
      'x-own': 'kept',
    })
    response.end('moved')
  })
  const response = await proxyTo(source.url)(new Request('http://shop.example/'))
  expect(response).toMatchObject({ status: 302, statusText: 'Over There' })
  expect(response.headers.get('location')).toBe('http://elsewhere.example/')
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(response.headers.get('x-own')).toBe('kept')
  for (const name of ['connection', 'x-hop', 'payment-receipt']) expect(response.headers.has(name)).toBe(false)
  expect(await response.text()).toBe('moved')
})

test.each([204, 304])('a %i has no body', async (status) => {
  const source = await upstream((_, response) => response.writeHead(status).end())
  const response = await fetch(await proxy(source.url))
  expect(response.status).toBe(status)
  expect(await response.text()).toBe('')
})

test('an upstream that compresses all the same is decoded, and its length with it', async () => {
  const source = await upstream((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('counted'.repeat(100)))
  })
  const response = await fetch(await proxy(source.url))
  expect(response.headers.get('content-encoding')).toBeNull()
  expect(await response.text()).toBe('counted'.repeat(100))
})

test('bodies stream both ways while they are made', async () => {
  const source = await upstream((request, response) => {
    response.writeHead(200)
    response.flushHeaders()
    request.on('data', (chunk) => response.write(`got ${chunk};`))
    request.on('end', () => response.end('end'))
  })
  const url = await proxy(source.url)
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const answer = fetch(url, { method: 'POST', body: readable, duplex: 'half' } as RequestInit)
  const encoder = new TextEncoder()
  void writer.write(encoder.encode('one'))
  const reader = (await answer).body!.getReader()
  const decoder = new TextDecoder()
  expect(decoder.decode((await reader.read()).value)).toBe('got one;')
  void writer.write(encoder.encode('two'))
  expect(decoder.decode((await reader.read()).value)).toBe('got two;')
  void writer.close()
  expect(decoder.decode((await reader.read()).value)).toBe('end')
})

test('20 MB go up and come down unchanged', async () => {
  const source = await upstream((request, response) => request.pipe(response))
  const url = await proxy(source.url)
  const body = randomBytes(20_000_000)
  const response = await fetch(url, { method: 'POST', body })
  expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
})

test('a reader that pauses pauses the upstream', async () => {
  let sent = 0
  const source = await upstream((_, response) => {
    const go = () => {
      while (!response.destroyed) {
        sent += 65_536
        if (!response.write(Buffer.alloc(65_536))) return
      }
    }
    response.on('drain', go)
    go()
  })
  const reader = (await fetch(await proxy(source.url))).body!.getReader()
  await reader.read()
  // What lies between is filled first; then nothing more comes for half a second.
  for (let before = -1; before !== sent; await sleep(500)) {
    before = sent
    expect(sent).toBeLessThan(64 << 20)
  }
  await reader.cancel()
})

test.each(['before the answer', 'in the middle of it'])(
  'a buyer that leaves %s ends the upstream request',
  async (when) => {
    const closed = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const source = await upstream((_, response) => {
      response.on('close', closed.resolve)
      if (when !== 'before the answer') response.write('part')
      begun.resolve()
    })
    const client = new AbortController()
    const answer = fetch(await proxy(source.url), { signal: client.signal }).catch(() => undefined)
    await begun.promise
    if (when !== 'before the answer') await answer
    client.abort()
    await closed.promise
  },
)

test('a meter that gives up ends the upstream request', async () => {
  const closed = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const source = await upstream((_, response) => {
    response.on('close', closed.resolve)
    begun.resolve()
  })
  const meter = new AbortController()
  const answer = proxyTo(source.url)(new Request('http://shop.example/'), meter)
  await begun.promise
  meter.abort(new Error('nothing was paid'))
  await expect(answer).rejects.toThrow('nothing was paid')
  await closed.promise
})

test('an upstream that is not there is a 502 that names no address', async () => {
  const { url, server } = await upstream(echo)
  server.close()
  await once(server, 'close')
  const response = await fetch(await proxy(url))
  expect(response.status).toBe(502)
  const body = await response.text()
  expect(JSON.parse(body)).toMatchObject({ code: 'upstream-failed', status: 502 })
  expect(body).not.toContain('127.0.0.1')
})

test('an upstream that breaks off in the middle breaks the answer off', async () => {
  const source = await upstream((_, response) => {
    response.write('part')
    setTimeout(() => response.destroy(), 30)
  })
  const response = await fetch(await proxy(source.url))
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow()
})

test('an upload of unknown length is passed on as it comes', async () => {
  const received = Promise.withResolvers<IncomingMessage>()
  const source = await upstream((request, response) => {
    received.resolve(request)
    void buffer(request).then((body) => response.end(`${body.length}`))
  })
  const body = new Blob(['x'.repeat(100_000)]).stream()
  const response = await fetch(await proxy(source.url), { method: 'POST', body, duplex: 'half' } as RequestInit)
  expect(await response.text()).toBe('100000')
  expect((await received.promise).headers['transfer-encoding']).toBe('chunked')
})
