import { createHash, randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openStand, upstream } from '../gateway/stand.ts'
import { openProxyStand, type ProxyStand, problem, raw } from './stand.ts'

const KIB = 1024
const FILM = randomBytes(300 * KIB)

/** /film with ranges, /echo, /gzip, /whoami, /lines without an end, /events. */
const service: RequestListener = (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://upstream')
  if (pathname.endsWith('/film')) {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const part = range ? FILM.subarray(Number(range[1]), Number(range[2]) + 1) : FILM
    const headers = { 'content-type': 'video/mp4', 'content-length': part.length, 'accept-ranges': 'bytes' }
    response.writeHead(range ? 206 : 200, headers)
    return void response.end(request.method === 'HEAD' ? undefined : part)
  }
  if (pathname === '/echo') {
    const hash = createHash('sha256')
    let bytes = 0
    request.on('data', (chunk) => {
      hash.update(chunk)
      bytes += chunk.length
    })
    return void request.on('end', () => response.end(JSON.stringify({ bytes, sha256: hash.digest('hex') })))
  }
  if (pathname === '/gzip') {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' })
    return void response.end(gzipSync('plain text'))
  }
  if (pathname === '/whoami') return void response.end(JSON.stringify(request.headers))
  if (pathname === '/broken') {
    response.writeHead(200, { 'content-length': 1000 })
    response.write('x'.repeat(100))
    return void setImmediate(() => response.destroy())
  }
  if (pathname === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(`data: ${'x'.repeat(1000)}\n\n`), 1)
    return void response.on('close', () => clearInterval(timer))
  }
  const pour = () => {
    while (!response.destroyed && response.write(Buffer.alloc(64 * KIB, 'x')));
  }
  response.on('drain', pour)
  pour()
}

async function sold(price: string, settings = {}, toSeller = true) {
  const stand = await openStand({ routes: [{ upstream: await upstream(service), price }] })
  const proxy = await openProxyStand(stand, { ...(toSeller && { to: stand.url }), ...settings })
  return { stand, proxy }
}

const recordOf = async (proxy: ProxyStand, response: { readonly headers: Headers }) =>
  (await fetch(`${proxy.url}/.streampay/requests/${response.headers.get('streampay-request')}`)).json()

describe('what goes through is paid', () => {
  test('below --to, with its price, and the balance comes back at the end', async () => {
    const { stand, proxy } = await sold('1 sat/10KiB')
    const response = await fetch(`${proxy.url}/film`)
    expect(response.status).toBe(200)
    expect(Buffer.from(await response.arrayBuffer()).equals(FILM)).toBe(true)
    const record = await recordOf(proxy, response)
    expect(record).toMatchObject({ state: 'done', bytes: FILM.length, received: '30000', caller: 'anyone' })
    expect(response.headers.get('streampay-agreement')).toBe(record.agreement)
    expect(BigInt(record.paid) - 30_000n).toBeLessThanOrEqual(10_000n)
    await proxy.purses.close()
    expect(proxy.events.at(-1)).toMatchObject({ type: 'closed', closing: { statement: { delivered: 30_000n } } })
    expect(stand.nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)).toBe(
      proxy.purses.trades[0]!.trade.paid,
    )
  })

  test('as a forward proxy, and at /pay/ whatever the slashes; parts of a file and its head too', async () => {
    const { stand, proxy } = await sold('1 sat/10KiB', {}, false)
    const { host } = new URL(stand.url)
    const forward = await raw(proxy, `${stand.url}/film`, { host, range: 'bytes=10-19' })
    expect(forward).toMatchObject({ status: 206, text: FILM.subarray(10, 20).toString() })
    for (const path of [`/pay/${stand.url}/film`, `/pay/http:/${host}/film`]) {
      const part = await fetch(proxy.url + path, { headers: { range: 'bytes=100-299' } })
      expect(part.status).toBe(206)
      expect(Buffer.from(await part.arrayBuffer()).equals(FILM.subarray(100, 300))).toBe(true)
    }
    const head = await raw(proxy, `/pay/${stand.url}/film`, {}, 'HEAD')
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': `${FILM.length}` }, text: '' })
    expect(proxy.purses.trades, 'one agreement for all').toHaveLength(1)
  })

  test('requests at once, each whole, on one agreement', async () => {
    const { proxy } = await sold('1 sat/100KiB', { ahead: '50 sat' })
    const bodies = await Promise.all(
      Array.from({ length: 8 }, async () => (await fetch(`${proxy.url}/film`)).arrayBuffer()),
    )
    expect(bodies.every((body) => Buffer.from(body).equals(FILM))).toBe(true)
    expect(proxy.purses.trades).toMatchObject([{ caller: 'anyone', trade: { bytes: 8 * FILM.length, active: 0 } }])
  })

  test.each([
    ['small', 100 * KIB, true],
    ['large, of a known length', 3 * KIB * KIB, true],
    ['large, of an unknown length', 3 * KIB * KIB, false],
  ])('a body that is %s reaches a seller that wants money first, once and whole', async (_, size, isKnown) => {
    const { proxy } = await sold('1 sat/request')
    const data = randomBytes(size)
    const body = isKnown ? data : new Blob([data]).stream()
    const response = await fetch(`${proxy.url}/echo`, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect(await response.json()).toEqual({ bytes: size, sha256: createHash('sha256').update(data).digest('hex') })
  })

  test('an upload that is charged by its size is counted, and one that does not tell its size is refused', async () => {
    const { proxy } = await sold({ request: '1 sat', upload: '1 sat/MiB' } as never)
    const large = await fetch(`${proxy.url}/echo`, { method: 'POST', body: randomBytes(3 * KIB * KIB) })
    expect(await large.json()).toMatchObject({ bytes: 3 * KIB * KIB })
    await proxy.purses.close()
    expect(proxy.events.at(-1)).toMatchObject({ type: 'closed', closing: { statement: { delivered: 4000n } } })
    const body = new Blob([randomBytes(3 * KIB * KIB)]).stream()
    const again = await openProxyStand(
      { nodes: (await openStand({ routes: [{ upstream: await upstream(service), price: 'free' }] })).nodes },
      {},
    )
    const refused = await fetch(`${again.url}/pay/${proxy.url}/echo`, {
      method: 'POST',
      body,
      duplex: 'half',
    } as RequestInit)
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ code: 'request-refused' })
  })

  test('a client that does not read is not paid for', async () => {
    const { proxy } = await sold('1 sat/MiB', { max: '100 000 sat' })
    const response = await fetch(`${proxy.url}/lines`)
    const reader = response.body!.getReader()
    await reader.read()
    const read = () => proxy.purses.trades[0]!.trade.bytes
    // What lies in the buffers of two connections is bounded, and then nothing moves.
    await expect
      .poll(async () => {
        const before = read()
        await sleep(200)
        return read() - before
      })
      .toBe(0)
    const stood = read()
    expect(proxy.purses.trades[0]!.trade.paid).toBeLessThan(BigInt(Math.ceil(stood / KIB / KIB) + 12) * 1000n)
    for (let bytes = 0; bytes < 2 * stood; ) bytes += (await reader.read()).value!.byteLength
    expect(read()).toBeGreaterThan(stood)
    await reader.cancel()
    await expect.poll(() => recordOf(proxy, response)).toMatchObject({ state: 'left' })
  })
})

describe('what is free goes through as it is', () => {
  test('with its encoding, and with the key that the client sends', async () => {
    const { stand, proxy } = await sold('free', {}, false)
    const gzip = await raw(proxy, `/pay/${stand.url}/gzip`, { 'accept-encoding': 'gzip' })
    expect(gzip.status).toBe(200)
    const free = await upstream(service)
    const direct = await fetch(`${proxy.url}/pay/${free}/gzip`)
    expect(direct.headers.get('content-encoding')).toBe('gzip')
    expect(await direct.text()).toBe('plain text')
    const headers = {
      authorization: 'Bearer sk-1',
      'streampay-token': proxy.token,
      'proxy-authorization': `Bearer ${proxy.token}`,
      connection: 'x-hop, close',
      'x-hop': '1',
      te: 'trailers',
      expect: '100-continue',
    }
    const seen = JSON.parse((await raw(proxy, `${free}/whoami`, { ...headers, host: new URL(free).host })).text)
    expect(seen).toMatchObject({
      authorization: 'Bearer sk-1',
      via: expect.stringMatching(/^1\.1 streampay-[\da-f]{8}$/),
    })
    expect(Object.keys(seen).filter((name) => /token|proxy|x-hop|^te$|expect/.test(name))).toEqual([])
    expect(JSON.stringify(seen)).not.toContain('spt_')
    expect(gunzipSync(gzipSync('x')).toString()).toBe('x')
  })

  test('a key is not sent on to whoever --to names, nor a token to anybody', async () => {
    const free = await upstream(service)
    const stand = await openStand({ routes: [{ upstream: free, price: 'free' }] })
    const proxy = await openProxyStand(stand, { to: free })
    for (const authorization of ['Bearer sk-real', `Bearer ${proxy.token}`]) {
      const seen = await (await fetch(`${proxy.url}/whoami`, { headers: { authorization } })).json()
      expect(seen).not.toHaveProperty('authorization')
    }
    const through = await fetch(`${proxy.url}/pay/${free}/whoami`, {
      headers: { authorization: `Bearer ${proxy.token}` },
    })
    expect(await through.json()).not.toHaveProperty('authorization')
  })
})

test('a key for the service stays beside the payment, where the seller leaves room', async () => {
  const { stand, proxy } = await sold('1 sat/request', {}, false)
  const headers = { authorization: 'Bearer sk-1', 'streampay-token': proxy.token }
  for (const _ of [1, 2]) {
    const response = await fetch(`${proxy.url}/pay/${stand.url}/whoami`, { headers })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ authorization: 'Bearer sk-1' })
  }
})

describe('what cannot be paid', () => {
  test('is told before the body, as a problem document', async () => {
    const { proxy } = await sold('5 sat/KiB', { maxPrice: '1 sat/KiB' })
    const response = await fetch(`${proxy.url}/film`)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status: 402, code: 'price-too-high', request: expect.any(String) })
    expect(proxy.purses.trades).toEqual([])
  })

  test('in the middle of a body ends the connection, and the reason can be asked for', async () => {
    const { proxy } = await sold('1 sat/KiB', { max: '50 sat' })
    const response = await fetch(`${proxy.url}/film`)
    await expect(response.arrayBuffer()).rejects.toThrow()
    const record = await recordOf(proxy, response)
    expect(record).toMatchObject({ state: 'failed', error: { code: 'budget-exhausted', request: record.id } })
    expect(BigInt(record.error.received)).toBe(BigInt(record.received))
    expect(BigInt(record.error.paid)).toBeLessThanOrEqual(50_000n)
    // The next one is refused before its body, and costs nothing.
    const next = await fetch(`${proxy.url}/film`)
    expect(await next.json()).toMatchObject({ code: 'budget-exhausted' })
  })

  test('of a stream of events is its last event', async () => {
    const { proxy } = await sold('1 sat/token', { max: '20 sat' })
    const response = await fetch(`${proxy.url}/events`)
    const decoder = new TextDecoder()
    let text = ''
    const reading = (async () => {
      for await (const chunk of response.body!) text += decoder.decode(chunk, { stream: true })
    })()
    await expect(reading, 'it must not look whole').rejects.toThrow()
    const last = JSON.parse(
      text
        .trimEnd()
        .split('\n\n')
        .at(-1)!
        .replace(/^data: /, ''),
    )
    expect(last.error).toMatchObject({ code: 'budget-exhausted', type: 'streampay', message: expect.any(String) })
    expect(BigInt(last.error.paid)).toBeLessThanOrEqual(20_000n)
    expect(BigInt(last.error.received)).toBeGreaterThan(10_000n)
  })

  test('a seller that vanishes in the middle', async () => {
    const { proxy } = await sold('1 sat/KiB')
    const response = await fetch(`${proxy.url}/broken`)
    await expect(response.text()).rejects.toThrow()
    expect(await recordOf(proxy, response)).toMatchObject({ state: 'failed', error: { code: 'stream-interrupted' } })
  })

  test('what is free and breaks off', async () => {
    const { proxy } = await sold('free', {}, false)
    const response = await fetch(`${proxy.url}/pay/${await upstream(service)}/broken`)
    await expect(response.text()).rejects.toThrow()
    expect(await recordOf(proxy, response)).toMatchObject({ state: 'failed', error: { code: 'stream-interrupted' } })
  })

  test('a seller that is not there', async () => {
    const { proxy } = await sold('free', {}, false)
    const answer = await raw(proxy, '/pay/http://127.0.0.1:1/')
    expect(answer.status).toBe(502)
    expect(problem(answer)).toMatchObject({ code: 'seller-unreachable' })
  })
})

test('a dry run answers what would be paid, and pays nothing; what is free it passes on', async () => {
  const { stand, proxy } = await sold('1 sat/10KiB', { dryRun: true })
  const answer = await fetch(`${proxy.url}/film`)
  expect(answer.status).toBe(402)
  expect(await answer.json()).toMatchObject({ dryRun: true, price: '1 sat/10 KiB', amount: '1000', per: '10240' })
  const free = await fetch(`${proxy.url}/pay/${await upstream(service)}/film`)
  expect((await free.arrayBuffer()).byteLength).toBe(FILM.length)
  expect(stand.nodes.seller.settlements).toEqual([])
  expect(proxy.purses.trades).toEqual([])
})

test('an agreement that nobody uses is closed, and the next request makes another', async () => {
  const { proxy } = await sold('1 sat/10KiB', { idleMs: 100 })
  for (let i = 1; i <= 2; i++) {
    expect((await fetch(`${proxy.url}/film`, { headers: { range: 'bytes=0-99' } })).status).toBe(206)
    await expect.poll(() => proxy.events.filter(({ type }) => type === 'closed').length).toBe(i)
  }
  expect(new Set(proxy.purses.trades.map(({ trade }) => trade.agreement)).size).toBe(2)
})
