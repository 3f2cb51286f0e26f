import { lookup } from 'node:dns/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { isPrivateAddress } from '../../src/buyer/requests/privateHosts.ts'
import type { CallerLimits } from '../../src/ledger/limits.ts'
import { sat } from '../../src/money/msat.ts'
import { Reachable } from '../../src/proxy/reach.ts'
import { Upstream } from '../../src/proxy/upstream.ts'
import { knownResponse } from '../../src/seller/adapters/response.ts'
import { openStand, upstream } from '../gateway/stand.ts'
import { openProxyStand, type ProxySettings, problem, raw } from './stand.ts'

const BODY = 'x'.repeat(20 * 1024)

async function open(settings: ProxySettings = {}, price = '1 sat/KiB') {
  const url = await upstream((_request, response) => response.end(BODY))
  const stand = await openStand({ routes: [{ upstream: url, price }] })
  return { stand, proxy: await openProxyStand(stand, settings) }
}

describe('where it does not go', () => {
  test.each([
    ['/pay/file:///etc/passwd', 403],
    ['/pay/gopher://example.com/', 403],
    ['/pay/data:text/plain,x', 403],
    ['/pay/', 403],
    ['/pay/example.com', 403],
    ['/pay/http://name:word@127.0.0.1/', 403],
    ['/pay/http://169.254.169.254/latest/meta-data', 403],
    ['/pay/http://[fe80::1]/', 403],
    ['/pay/http://[::ffff:169.254.169.254]/', 403],
    ['/pay/http://10.1.2.3/', 403],
    ['/pay/http://[::ffff:10.1.2.3]/', 403],
    ['/pay/http://192.168.1.1/', 403],
    ['/pay/http://0x0a010203/', 403],
    ['/pay/http://0.0.0.0/', 403],
    ['http://100.64.0.1/', 403],
    ['ftp://example.com/', 403],
    ['/nowhere', 403],
  ])('%s', async (target, status) => {
    const { proxy } = await open()
    const answer = await raw(proxy, target)
    expect(answer.status).toBe(status)
    expect(problem(answer)).toMatchObject({ code: 'target-refused', hint: expect.any(String) })
  })

  test('by a name that stands for an address inside', async ({ skip }) => {
    const found = await lookup(hostname()).catch(() => undefined)
    if (!found || !isPrivateAddress(found.address)) skip('the name of this machine stands for no such address')
    const { proxy } = await open()
    expect(problem(await raw(proxy, `/pay/http://${hostname()}:1/`))).toMatchObject({ code: 'target-refused' })
  })

  test('onto itself, by any name of this machine', async () => {
    const { proxy } = await open()
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '127.1.2.3', '0.0.0.0']) {
      expect(problem(await raw(proxy, `/pay/http://${host}:${proxy.port}/x`))).toMatchObject({ code: 'target-refused' })
    }
  })

  test('round, by way of another server', async () => {
    let round = 0
    const { proxy } = await open()
    const url = await upstream(async (request, response) => {
      round++
      const answer = await raw(proxy, `/pay/${url}/again`, { via: request.headers.via ?? '' })
      response.statusCode = answer.status
      response.end(answer.text)
    })
    expect(problem(await raw(proxy, `/pay/${url}/`))).toMatchObject({ code: 'target-refused' })
    expect(round).toBe(1)
  })

  test('through a tunnel, and says what to ask for instead', async () => {
    const { proxy } = await open()
    const { request } = await import('node:http')
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: proxy.port, method: 'CONNECT', path: 'example.com:443' })
      outgoing.on('error', reject)
      outgoing.on('connect', async (incoming, socket, head) => {
        let text = head.toString()
        for await (const chunk of socket) text += chunk
        resolve({ status: incoming.statusCode!, text })
      })
      outgoing.end()
    })
    expect(answer.status).toBe(405)
    expect(JSON.parse(answer.text)).toMatchObject({
      code: 'target-refused',
      detail: expect.stringContaining('/pay/https://'),
    })
  })

  test('below --to out of its path', async () => {
    const url = await upstream((request, response) => response.end(request.url))
    const stand = await openStand({ routes: [{ upstream: url, price: 'free' }] })
    const proxy = await openProxyStand(stand, { to: `${url}/base/` })
    expect((await raw(proxy, '/v1/x?y=1')).text).toBe('/base/v1/x?y=1')
    expect((await raw(proxy, '//elsewhere/x')).text).toBe('/base//elsewhere/x')
    expect((await raw(proxy, '/%2e%2e/secret')).text).not.toBe('/secret')
    expect(problem(await raw(proxy, '/a/..%2f..%2fsecret'))).toMatchObject({ code: 'target-refused' })
  })
})

describe('redirects', () => {
  /** An upstream that answers as a public host would. */
  const redirecting = (location: string) =>
    new (class extends Upstream {
      override async send() {
        return knownResponse(null, { status: 302, headers: { location } })
      }
    })(new Reachable({ privateNetworks: false, to: undefined }))

  test.each([
    'http://127.0.0.1/',
    'http://localhost:2402/',
    'http://169.254.169.254/',
    'http://[::1]/',
    'file:///etc/passwd',
  ])('from a public host to %s are told to nobody', async (location) => {
    const { proxy } = await open({ upstream: redirecting(location) })
    const answer = await raw(proxy, '/pay/http://93.184.216.34/x')
    expect(answer.status).toBe(502)
    expect(answer.headers.location).toBeUndefined()
    expect(problem(answer)).toMatchObject({ code: 'redirect-refused', location })
  })

  test('stay with the proxy: at /pay/ by whole addresses, below --to by paths', async () => {
    const moved = await upstream((_request, response) => response.end('moved'))
    const url = await upstream((request, response) => {
      const location = { '/base/far': `${moved}/there`, '/base/near': '/base/end?x=1' }[request.url!]
      if (location === undefined) return void response.end(`at ${request.url}`)
      response.writeHead(302, { location })
      response.end()
    })
    const stand = await openStand({ routes: [{ upstream: url, price: 'free' }] })
    const proxy = await openProxyStand(stand, { to: `${url}/base` })
    expect((await raw(proxy, `/pay/${url}/base/near`)).headers.location).toBe(`/pay/${url}/base/end?x=1`)
    expect((await raw(proxy, `/pay/${url}/base/far`)).headers.location).toBe(`/pay/${moved}/there`)
    expect((await raw(proxy, `${url}/base/far`, { host: new URL(url).host })).headers.location).toBe(`${moved}/there`)
    expect(await (await fetch(`${proxy.url}/near`)).text()).toBe('at /base/end?x=1')
    expect(problem(await raw(proxy, '/far'))).toMatchObject({ code: 'redirect-refused', location: `${moved}/there` })
    const following = await openProxyStand(stand, { to: `${url}/base`, location: true })
    expect(await (await fetch(`${following.url}/far`)).text()).toBe('moved')
  })
})

describe('web pages', () => {
  test.each([
    { host: 'evil.example' },
    { host: 'localhost.evil.example' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('with %j spend nothing and learn nothing', async (headers) => {
    const { stand, proxy } = await open()
    for (const target of [`/pay/${stand.url}/`, '/.streampay/health']) {
      const answer = await raw(proxy, target, headers as unknown as Record<string, string>)
      expect(answer.status).toBe(403)
      expect(problem(answer)).toMatchObject({ code: 'origin-refused' })
    }
    expect(proxy.purses.trades).toEqual([])
  })

  test('that a seller wrote run in an origin of their own', async () => {
    const { stand, proxy } = await open({}, 'free')
    const headers = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none' }
    const answer = await raw(proxy, `/pay/${stand.url}/`, headers)
    expect(answer.headers['content-security-policy']).toMatch(/^sandbox /)
  })
})

describe('callers', () => {
  test('name themselves by any of the headers that their clients know', async () => {
    const { stand, proxy } = await open()
    const { token } = proxy.callers.add('ann')
    const basic = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`
    for (const headers of [
      { 'streampay-token': token },
      { authorization: `Bearer ${token}` },
      { 'proxy-authorization': `Bearer ${token}` },
      { 'proxy-authorization': basic },
    ] as Record<string, string>[]) {
      expect((await raw(proxy, `/pay/${stand.url}/`, headers)).text).toBe(BODY)
    }
    expect(proxy.purses.trades).toMatchObject([{ caller: 'ann', trade: { bytes: 4 * BODY.length } }])
  })

  test("spend within their own limits, and never on what is another one's", async () => {
    const { stand, proxy } = await open({ ahead: '4 sat' })
    const ann = { 'streampay-token': proxy.callers.add('ann', { max: sat(30) }).token }
    const bob = { 'streampay-token': proxy.callers.add('bob', { perDay: sat(50) }).token }
    const get = (headers: Record<string, string>) => raw(proxy, `/pay/${stand.url}/`, headers)
    expect((await get(ann)).text).toBe(BODY)
    await expect(get(ann)).rejects.toThrow()
    expect((await get(bob)).text).toBe(BODY)
    const spent = await proxy.journal.callerSpending('ann')
    expect(spent.total).toBeLessThanOrEqual(sat(30))
    expect(problem(await get(ann))).toMatchObject({ code: 'budget-exhausted', limit: 'caller', max: '30000' })
    const agreements = await proxy.journal.agreements()
    expect(agreements.map(({ caller }) => caller).toSorted()).toEqual(['ann', 'bob'])
  })

  test('two programs that share a token share its budget', async () => {
    const { stand, proxy } = await open({ ahead: '4 sat' })
    const headers = { 'streampay-token': proxy.callers.add('both', { max: sat(60) }).token }
    const get = () =>
      raw(proxy, `/pay/${stand.url}/`, headers).then(
        ({ status }) => status === 200,
        () => false,
      )
    const got = await Promise.all(Array.from({ length: 8 }, get))
    expect(got).toContain(false)
    expect((await proxy.journal.callerSpending('both')).total).toBeLessThanOrEqual(sat(60))
    await proxy.purses.close()
    const [{ trade }] = proxy.purses.trades as [(typeof proxy.purses.trades)[number]]
    expect(trade.paid).toBeLessThanOrEqual(sat(60))
  })

  test('go only where they may', async () => {
    const { stand, proxy } = await open()
    const { token } = proxy.callers.add('ann', { hosts: { [new URL(stand.url).host]: sat(5) } })
    const free = await upstream((_request, response) => response.end('free'))
    const headers = { 'streampay-token': token }
    expect(problem(await raw(proxy, `/pay/${free}/`, headers))).toMatchObject({ code: 'target-refused' })
    await expect(raw(proxy, `/pay/${stand.url}/`, headers)).rejects.toThrow()
    expect(problem(await raw(proxy, `/pay/${stand.url}/`, headers))).toMatchObject({ limit: 'caller-host' })
  })

  test('have limits of their own on prices and on what is paid ahead, within those of all', async () => {
    const { stand, proxy } = await open({ ahead: '4 sat', maxPrice: '2 sat/KiB' })
    const get = (name: string, limits: CallerLimits) =>
      raw(proxy, `/pay/${stand.url}/`, { 'streampay-token': proxy.callers.add(name, limits).token })
    expect(problem(await get('ann', { maxPrice: '500 msat/KiB' }))).toMatchObject({ code: 'price-too-high' })
    expect(problem(await get('bob', { maxPrice: '1 sat/token' }))).toMatchObject({ code: 'unit-mismatch' })
    expect((await get('cid', { maxPrice: '1 sat/token, 1 sat/KiB', ahead: sat(2) })).text).toBe(BODY)
    expect((await get('dan', { ahead: sat(100) })).text).toBe(BODY)
    const ahead = Object.fromEntries(proxy.purses.trades.map(({ caller, trade }) => [caller, trade.ahead]))
    expect(ahead).toEqual({ cid: sat(2), dan: sat(4) })
    const { proxy: strict, stand: dear } = await open({ maxPrice: '500 msat/KiB' })
    const { token } = strict.callers.add('eve', { maxPrice: '5 sat/KiB' })
    const answer = await raw(strict, `/pay/${dear.url}/`, { 'streampay-token': token })
    expect(problem(answer)).toMatchObject({ code: 'price-too-high' })
  })

  test('that are taken away have their agreements closed, and are forgotten', async () => {
    const { stand, proxy } = await open({ ahead: '4 sat' })
    const { token } = proxy.callers.add('ann')
    expect((await raw(proxy, `/pay/${stand.url}/`, { 'streampay-token': token })).text).toBe(BODY)
    expect(proxy.callers.remove('ann')).toBe(true)
    await expect.poll(() => proxy.purses.trades).toEqual([])
    await expect.poll(async () => (await proxy.journal.agreements('closed')).length).toBe(1)
    await expect.poll(() => proxy.events.filter(({ type }) => type === 'closed')).toMatchObject([{ caller: 'ann' }])
  })

  test('that are taken away open nothing, and nothing more is paid for what they had begun', async () => {
    const { stand, proxy } = await open({ ahead: '2 sat' })
    const { token } = proxy.callers.add('ann')
    const response = await fetch(`${proxy.url}/pay/${stand.url}/`, { headers: { 'streampay-token': token } })
    const reader = response.body!.getReader()
    await reader.read()
    expect(proxy.callers.remove('ann')).toBe(true)
    const rest = async () => {
      while (!(await reader.read()).done);
    }
    await expect(rest()).rejects.toThrow()
    expect((await raw(proxy, `/pay/${stand.url}/`, { 'streampay-token': token })).status).toBe(401)
  })

  test('must be known where that is required; a proxy client is asked as one', async () => {
    const { stand, proxy } = await open({ requireToken: true }, 'free')
    expect((await raw(proxy, `/pay/${stand.url}/`)).status).toBe(401)
    const asked = await raw(proxy, `${stand.url}/`, { host: new URL(stand.url).host })
    expect(asked).toMatchObject({ status: 407, headers: { 'proxy-authenticate': 'Basic realm="streampay"' } })
    expect((await raw(proxy, `/pay/${stand.url}/`, { 'streampay-token': proxy.token })).status).toBe(200)
  })

  test('that guess are slowed, and those that are known are not', async () => {
    const { stand, proxy } = await open({}, 'free')
    const get = (token: string) => raw(proxy, `/pay/${stand.url}/`, { 'streampay-token': token })
    expect((await get(proxy.token)).status).toBe(200)
    const guesses = await Promise.all(Array.from({ length: 40 }, (_, i) => get(`spt_${`${i}`.padStart(43, 'A')}`)))
    const count = (status: number) => guesses.filter((answer) => answer.status === status).length
    expect(count(401)).toBeLessThanOrEqual(20)
    expect(count(401) + count(429)).toBe(40)
    expect((await get(proxy.token)).status).toBe(200)
    // Also a good token that was never seen waits its turn.
    const { token } = proxy.callers.add('late')
    await expect.poll(async () => (await get(token)).status, { interval: 200 }).toBe(200)
  })
})

describe('what is asked of the process itself', () => {
  const api: ProxySettings['api'] = async (request, caller) =>
    request.url.endsWith('/status') || request.url.endsWith('/openapi.json')
      ? Response.json({ name: caller.name, owner: caller.isOwner })
      : undefined

  test('needs a token, but for its description', async () => {
    const { proxy } = await open({ api })
    const get = (path: string, token?: string) =>
      raw(proxy, `/.streampay/v1/${path}`, token === undefined ? {} : { authorization: `Bearer ${token}` })
    expect((await get('status')).status).toBe(401)
    expect((await get('openapi.json')).status).toBe(200)
    expect(JSON.parse((await get('status', proxy.token)).text)).toEqual({ name: 'owner', owner: true })
    const { token } = proxy.callers.add('ann')
    expect(JSON.parse((await get('status', token)).text)).toEqual({ name: 'ann', owner: false })
    expect((await get('nothing', token)).status).toBe(404)
  })

  test('is not reached by way of --to or a forward proxy', async () => {
    const { proxy } = await open({ api })
    const target = `${proxy.url}/.streampay/v1/status`
    const answer = await raw(proxy, target, {
      host: `127.0.0.1:${proxy.port}`,
      'proxy-authorization': `Bearer ${proxy.token}`,
    })
    expect(problem(answer)).toMatchObject({ code: 'target-refused' })
  })

  test('knows of no request whose id was not told', async () => {
    const { proxy } = await open()
    expect((await raw(proxy, '/.streampay/requests/1')).status).toBe(404)
  })
})

test('requests of one caller at once are bounded', async () => {
  let waiting = 0
  const release = Promise.withResolvers<void>()
  const url = await upstream(async (_request, response) => {
    waiting++
    await release.promise
    response.end('x')
  })
  const stand = await openStand({ routes: [{ upstream: url, price: 'free' }] })
  const proxy = await openProxyStand(stand)
  const all = Array.from({ length: 256 }, () => raw(proxy, `/pay/${url}/`))
  await expect.poll(() => waiting).toBe(256)
  expect(problem(await raw(proxy, `/pay/${url}/`))).toMatchObject({ code: 'too-many-streams' })
  release.resolve()
  expect((await Promise.all(all)).every(({ status }) => status === 200)).toBe(true)
  await sleep(0)
})
