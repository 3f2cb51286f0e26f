import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Reach, reachOf } from './privateHosts.ts'
import { guardRedirects, type Redirects } from './redirects.ts'

interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server on loopback that redirects from `/STATUS?LOCATION`, and notes what it was asked. */
async function open(): Promise<{ origin: string; asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer(async (incoming, outgoing) => {
    let body = ''
    for await (const chunk of incoming) body += chunk
    const { method, url = '', headers } = incoming
    asked.push({ method, url, headers, body })
    const [, status, to] = /^\/(30\d)\?(.*)$/.exec(url) ?? []
    if (status) outgoing.writeHead(Number(status), { location: decodeURIComponent(to!) })
    outgoing.end('here')
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const SECRET = { authorization: 'Payment c2VjcmV0', token: '0201', cookie: 'a=b', 'x-own': 'kept' }
const guarded = (allowed: Redirects = 'same-origin', reach = reachOf) =>
  guardRedirects(globalThis.fetch, allowed, reach)

describe('within the origin', () => {
  test('they are followed, with the credential, and the answer says where it came from', async () => {
    const { origin, asked } = await open()
    const response = await guarded()(`${origin}/302?/film#part`, { headers: SECRET })
    expect(await response.text()).toBe('here')
    expect(response.url).toBe(`${origin}/film`)
    expect(asked.map(({ url }) => url)).toEqual(['/302?/film', '/film'])
    expect(asked[1]!.headers).toMatchObject(SECRET)
  })

  test.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [303, 'HEAD', 'HEAD', ''],
    [307, 'POST', 'POST', 'prompt'],
    [308, 'PUT', 'PUT', 'prompt'],
    [302, 'PUT', 'PUT', 'prompt'],
  ])('%i of a %s is asked for with %s', async (status, method, then, body) => {
    const { origin, asked } = await open()
    const init = { method, headers: { 'content-type': 'text/plain' }, ...(method !== 'HEAD' && { body: 'prompt' }) }
    await guarded()(`${origin}/${status}?/film`, init)
    expect(asked[1]).toMatchObject({ method: then, url: '/film', body })
    expect(asked[1]!.headers['content-type']).toBe(then === 'GET' ? undefined : 'text/plain')
  })

  test('there are not endlessly many', async () => {
    const { origin, asked } = await open()
    const loop = (depth: number): string => (depth === 0 ? '/film' : `/302?${encodeURIComponent(loop(depth - 1))}`)
    expect((await guarded()(origin + loop(10))).status).toBe(200)
    expect(asked).toHaveLength(11)
    await expect(guarded()(origin + loop(11))).rejects.toMatchObject({ code: 'redirect-refused' })
    expect(asked).toHaveLength(22)
  })

  test('a request that follows none, or looks by itself, gets just that', async () => {
    const { origin } = await open()
    expect((await guarded()(`${origin}/302?/film`, { redirect: 'manual' })).status).toBe(302)
    await expect(guarded()(`${origin}/302?/film`, { redirect: 'error' })).rejects.toThrow()
    await expect(guarded('follow')(new Request(`${origin}/302?/film`))).rejects.toThrow()
  })
})

describe('to another origin', () => {
  test('they are not followed, and the caller learns where it led', async () => {
    const [seller, other] = [await open(), await open()]
    const location = `${other.origin}/metadata`
    const error = await guarded()(`${seller.origin}/302?${location}`, { headers: SECRET }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'redirect-refused', exitCode: 3, details: { from: seller.origin, location } })
    expect(other.asked).toEqual([])
  })

  test('with leave they are, and neither credential nor cookie goes along, nor comes back', async () => {
    const [seller, other] = [await open(), await open()]
    const back = encodeURIComponent(`${other.origin}/302?${seller.origin}/film`)
    const response = await guarded('follow')(`${seller.origin}/307?${back}`, {
      headers: SECRET,
      method: 'POST',
      body: 'x',
    })
    expect(response.url).toBe(`${seller.origin}/film`)
    for (const { headers } of [other.asked[0]!, seller.asked[1]!]) {
      expect(headers).toMatchObject({ 'x-own': 'kept' })
      expect(headers.authorization).toBeUndefined()
      expect(headers.token).toBeUndefined()
      expect(headers.cookie).toBeUndefined()
    }
  })

  test.each<[Reach, Reach]>([
    ['public', 'private'],
    ['mixed', 'private'],
    ['public', 'mixed'],
  ])('never from a %s host to a %s one, whatever leave there is', async (from, to) => {
    const [seller, other] = [await open(), await open()]
    // The seller goes by a name, and where each of the two lies is what a resolver would say.
    const name = seller.origin.replace('127.0.0.1', 'localhost')
    const reach = async (host: string) => (host === 'localhost' ? from : to)
    const fetching = guarded('follow', reach)(`${name}/302?${other.origin}/metadata`)
    await expect(fetching).rejects.toMatchObject({
      code: 'redirect-refused',
      message: expect.stringContaining('private network'),
    })
    expect(other.asked).toEqual([])
    expect((await guarded('follow', async () => 'public')(`${name}/302?${other.origin}/film`)).status).toBe(200)
  })

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'http://', 'http://me:word@127.0.0.1/'])(
    '%s is none to follow',
    async (location) => {
      const { origin } = await open()
      const fetching = guarded('follow')(`${origin}/302?${encodeURIComponent(location)}`)
      await expect(fetching).rejects.toMatchObject({ code: 'redirect-refused' })
    },
  )
})

describe('a private host', () => {
  test.each(
    (
      'localhost a.localhost localhost. 127.0.0.1 127.9.9.9 10.1.2.3 172.31.0.1 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0 ' +
      '255.255.255.255 [::1] [::] [fd00::1] [fe80::1] [::ffff:127.0.0.1] [::ffff:a00:1] [64:ff9b::7f00:1] [2002:7f00:1::] [ff02::1]'
    ).split(' '),
  )('is %s', async (host) => {
    expect(await reachOf(host)).toBe('private')
  })

  test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '[2606:4700::1111]', '[::ffff:8.8.8.8]'])(
    'is not %s',
    async (host) => {
      expect(await reachOf(host)).toBe('public')
    },
  )

  test('is one that nobody can look up', async () => {
    await expect(reachOf('nowhere.invalid')).rejects.toMatchObject({ code: 'redirect-refused' })
  })
})
