import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ClientHttp2Stream } from 'node:http2'
import { type Agent, get as httpsGet } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { type RunningServer, serve, type WebHandler } from './node.ts'
import { addressOf } from './request.ts'
import { knownResponse } from './response.ts'
import { endless } from './testing/endless.ts'
import { type Http2Client, http2Client } from './testing/http2Fetch.ts'

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../test/cli/fixtures/loopback.${name}.pem`, import.meta.url), 'utf8')
const cert = fixture('cert')
const key = fixture('key')

const open: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const end of open.splice(0).reverse()) await end()
})

async function start(
  handler: WebHandler,
  onError?: (error: unknown) => void,
): Promise<{ server: RunningServer; client: Http2Client; url: string }> {
  const server = await serve(handler, { port: 0, cert, key, ...(onError && { onError }) })
  const url = server.url.replace('127.0.0.1', 'localhost')
  const client = http2Client(url, cert)
  open.push(
    () => server.close(0),
    async () => client.session.destroy(),
  )
  return { server, client, url }
}

test('a handler sees method, URL, headers, peer and body over HTTP/2', async () => {
  const { client, url } = await start(async (request) => {
    expect(request).toBeInstanceOf(Request)
    expect([...request.headers.keys()].filter((name) => name.startsWith(':'))).toEqual([])
    const { method, url } = request
    return Response.json({
      method,
      url,
      x: request.headers.get('x-a'),
      peer: addressOf(request),
      body: await request.text(),
    })
  })
  const response = await client.fetch(`${url}/a/b?c=d`, { method: 'POST', body: 'hello', headers: { 'x-a': '1' } })
  expect(await response.json()).toEqual({
    method: 'POST',
    url: `${url}/a/b?c=d`,
    x: '1',
    peer: '127.0.0.1',
    body: 'hello',
  })
})

test('HTTP/1.1 is spoken on the same port to those that ask for it', async () => {
  const { client, url } = await start((request) => knownResponse(request.url))
  expect(await (await client.fetch(`${url}/2`)).text()).toBe(`${url}/2`)
  const one = httpsGet(`${url}/1`, { ca: cert, agent: false as unknown as Agent })
  const [answer] = await once(one, 'response')
  expect(answer.httpVersion).toBe('1.1')
  expect(await text(answer)).toBe(`${url}/1`)
})

test('what speaks of a connection is not sent, several cookies are, and there are no trailers', async () => {
  const { client, url } = await start(() => {
    const headers = new Headers({ connection: 'keep-alive', 'keep-alive': 'timeout=5', 'transfer-encoding': 'chunked' })
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2')
    return new Response('x', { headers, statusText: 'Fine' })
  })
  const response = await client.fetch(url)
  expect(await response.text()).toBe('x')
  for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'trailer'])
    expect(response.headers.has(name)).toBe(false)
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
})

test.each(['HEAD', 'GET'])('%s: an answer of known length has it, and 204 and 304 have no body', async (method) => {
  const { client, url } = await start((request) =>
    request.url.endsWith('/none') ? new Response(null, { status: 204 }) : knownResponse('hello'),
  )
  const response = await client.fetch(url, { method })
  expect(response.headers.get('content-length')).toBe('5')
  expect(await response.text()).toBe(method === 'HEAD' ? '' : 'hello')
  const none = await client.session.request({ ':method': method, ':path': '/none' })
  const [head] = await once(none, 'response')
  expect(head[':status']).toBe(204)
  none.resume()
  await once(none, 'close')
})

test('a reader that pauses pauses its source, and no other stream of the connection', async () => {
  const { body, state } = endless()
  const { client, url } = await start((request) =>
    request.url.endsWith('/other') ? knownResponse('other') : new Response(body),
  )
  const reader = (await client.fetch(url)).body!.getReader()
  await reader.read()
  await sleep(300)
  const { pulled } = state
  await sleep(300)
  expect(state.pulled).toBe(pulled)
  expect(pulled * 16_384).toBeLessThan(1 << 20)
  expect(await (await client.fetch(`${url}/other`)).text()).toBe('other')
  for (let bytes = 0; bytes < 1 << 20; ) bytes += (await reader.read()).value!.length
  expect(state.pulled).toBeGreaterThan(pulled)
})

test('a client that resets its stream ends the body and the signal at once; its connection goes on', async () => {
  const { body, cancelled } = endless()
  const signal = Promise.withResolvers<unknown>()
  const errors: unknown[] = []
  const { client, url } = await start(
    (request) => {
      if (request.url.endsWith('/other')) return knownResponse('other')
      request.signal.addEventListener('abort', () => signal.resolve(request.signal.reason))
      return new Response(body)
    },
    (error) => errors.push(error),
  )
  const reader = (await client.fetch(url)).body!.getReader()
  await reader.read()
  await reader.cancel()
  expect(await cancelled).toMatchObject({ name: 'AbortError' })
  expect(await signal.promise).toMatchObject({ name: 'AbortError' })
  expect(await (await client.fetch(`${url}/other`)).text()).toBe('other')
  expect(errors).toEqual([])
})

test('a connection that breaks ends all its bodies', async () => {
  const bodies = [endless(), endless()]
  const requests: Request[] = []
  const { client, url } = await start((request) => {
    requests.push(request)
    return new Response(bodies[Number(request.url.slice(-1))]!.body)
  })
  const readers = [await client.fetch(`${url}/0`), await client.fetch(`${url}/1`)].map(({ body }) => body!.getReader())
  for (const reader of readers) await reader.read()
  client.session.destroy()
  for (const { cancelled } of bodies) expect(await cancelled).toMatchObject({ name: 'AbortError' })
  for (const request of requests) expect(addressOf(request)).toBe('127.0.0.1')
})

test('a body that fails resets its stream; what left before arrives, and it never looks whole', async () => {
  const errors: unknown[] = []
  let sent = 0
  const body = () =>
    new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (sent++ === 3) throw new Error('the disk is gone')
          await sleep(5)
          controller.enqueue(new TextEncoder().encode('part '))
        },
      },
      { highWaterMark: 0 },
    )
  const { client, url } = await start(
    () => new Response(body()),
    (error) => errors.push(error),
  )
  const response = await client.fetch(url)
  let received = ''
  const reading = (async () => {
    for await (const chunk of response.body!) received += new TextDecoder().decode(chunk)
  })()
  await expect(reading).rejects.toThrow('fetch failed')
  expect(received).toBe('part part part ')
  expect(client.streams.at(-1)?.rstCode).toBe(2)
  expect(errors).toMatchObject([{ message: 'the disk is gone' }])
})

test.each([3, 7])('a body of 5 bytes that is announced as %i is no whole answer', async (announced) => {
  const body = () =>
    new ReadableStream<Uint8Array>({
      async start(controller) {
        await sleep(5)
        controller.enqueue(new TextEncoder().encode('hello'))
        controller.close()
      },
    })
  const { client, url } = await start(() => new Response(body(), { headers: { 'content-length': `${announced}` } }))
  const answer = client.fetch(url).then((response) => response.text())
  await expect(answer).rejects.toThrow('fetch failed')
})

test('a handler that fails before it answers is told as a problem, without its words', async () => {
  const { client, url } = await start(() => Promise.reject(new Error('secret')))
  const response = await client.fetch(url)
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ code: 'internal', detail: 'the service failed' })
})

test('100-continue is said when the body is asked for, and not where it is not', async () => {
  const { client } = await start(
    async (request) => new Response(request.url.endsWith('/no') ? 'no' : await request.text()),
  )
  const ask = async (path: string): Promise<{ continued: boolean; answer: string }> => {
    const stream = client.session.request({ ':method': 'POST', ':path': path, expect: '100-continue' })
    let continued = false
    stream.on('continue', () => {
      continued = true
      stream.end('upload')
    })
    return { answer: await text(stream), continued }
  }
  expect(await ask('/')).toEqual({ answer: 'upload', continued: true })
  expect(await ask('/no')).toEqual({ answer: 'no', continued: false })
})

test('an upload that breaks off is no whole request', async () => {
  const seen = Promise.withResolvers<unknown>()
  const { client } = await start(async (request) => {
    request.text().then(seen.resolve, seen.reject)
    await seen.promise
    return new Response()
  })
  const stream: ClientHttp2Stream = client.session.request({ ':method': 'POST', ':path': '/' })
  stream.on('error', () => {})
  stream.write('half')
  await sleep(100)
  stream.destroy(new Error('the client fails'))
  await expect(seen.promise).rejects.toMatchObject({ name: 'AbortError' })
})

test('TRACE, which would tell a credential to who cannot see it, is not understood', async () => {
  const { client, url } = await start(() => new Response('x'))
  expect(await client.fetch(url, { method: 'TRACE' })).toMatchObject({ status: 400 })
})

test('a server that closes lets streams finish, and ends those that do not', async () => {
  const { body } = endless()
  const go = Promise.withResolvers<void>()
  const { server, client, url } = await start(async (request) => {
    if (request.url.endsWith('/endless')) return new Response(body)
    await go.promise
    return new Response('done')
  })
  const reader = (await client.fetch(`${url}/endless`)).body!.getReader()
  await reader.read()
  const last = client.fetch(url).then((response) => response.text())
  await sleep(100)
  const closed = server.close(1000)
  go.resolve()
  expect(await last).toBe('done')
  await closed
})

const run = promisify(execFile)
const curl = await run('curl', ['--version']).then(
  ({ stdout }) => (/\bHTTP2\b/.test(stdout) ? undefined : 'this curl knows no HTTP/2'),
  () => 'there is no curl',
)
describe.skipIf(curl)(`with curl${curl ? ` (skipped: ${curl})` : ''}`, () => {
  test('curl --http2 gets a body and uploads one', async () => {
    const { url } = await start(async (request) => new Response(`${request.method} ${(await request.text()).length}`))
    const common = [
      '--silent',
      '--http2',
      '--cacert',
      new URL('../../../test/cli/fixtures/loopback.cert.pem', import.meta.url).pathname,
    ]
    const format = ['--write-out', ' %{http_version}']
    expect((await run('curl', [...common, ...format, url])).stdout).toBe('GET 0 2')
    const data = 'x'.repeat(200_000)
    const child = run('curl', [...common, ...format, '--data-binary', '@-', url])
    child.child.stdin!.end(data)
    expect((await child).stdout).toBe('POST 200000 2')
  })
})
