/*
 * A service of gRPC is sold as any other: called by the client of others that everybody uses, over TLS and HTTP/2, with its trailers.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { GatewayConfigInput } from '../../src/gateway/config/schema.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { http2Client } from '../../src/seller/adapters/testing/http2Fetch.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { formatL402Metadata } from '../../src/wire/l402/header.ts'
import { parseMacaroon } from '../../src/wire/l402/macaroon.ts'
import { type Ended, openClient, openService } from './grpcService.ts'
import { atEnd, openStand } from './stand.ts'

const [cert, key] = ['cert', 'key'].map((name) =>
  readFileSync(new URL(`../cli/fixtures/loopback.${name}.pem`, import.meta.url)),
) as [Buffer, Buffer]

type Route = Partial<GatewayConfigInput['routes'][number]>

/** The service behind a gateway that serves TLS, and a client that calls it there. */
async function openShop(route: Route = {}) {
  const service = await openService()
  const { gateway, nodes, buyer } = await openStand({
    routes: [
      {
        ...{ path: '/shop.Words/*', upstream: service.url, price: '2 sat/request', allowance: '4 sat' },
        ...{ schemes: ['l402', 'stream'], ...route },
      } as GatewayConfigInput['routes'][number],
    ],
  })
  const server = await serve((request) => gateway.handle(request), { port: 0, cert, key })
  atEnd(() => server.close(0))
  const client = openClient(`localhost:${server.port}`, cert)
  /** Pays what a call was asked for, and returns the metadata that shows it. */
  const pay = (refused: Ended) => {
    const { macaroon, invoice } = challengeIn(refused)
    const { paymentHash, amount } = decodeInvoice(invoice)
    const outcome = nodes.buyer.settle(paymentHash, amount!)
    if (outcome.status !== 'settled') throw new Error('not paid')
    return { token: formatL402Metadata(parseMacaroon(macaroon), outcome.preimage) }
  }
  return { service, server, client, pay, nodes, buyer }
}

/** What aperture's interceptor looks for, and where: among the trailers. */
function challengeIn({ code, details, trailers }: Ended): { macaroon: string; invoice: string } {
  expect([code, details]).toEqual([13, 'payment required'])
  const match = /(LSAT|L402) macaroon="(.*?)", invoice="(.*?)"/.exec(trailers.get('www-authenticate').join(', '))
  if (!match) throw new Error('no challenge')
  return { macaroon: match[2]!, invoice: match[3]! }
}

const problemIn = ({ trailers }: Ended): { code: string } => JSON.parse(`${trailers.get('problem-bin')[0]}`)

describe('unmodified @grpc/grpc-js', () => {
  test('is asked to pay, pays, and has its call answered with the trailers of the service; then it is asked again', async () => {
    const { client, pay, service } = await openShop()
    const refused = await client.call('Say', 'one')
    expect(problemIn(refused).code).toBe('payment-required')
    expect(service.asked).toHaveLength(0)
    const paid = pay(refused)
    for (const word of ['one', 'two']) {
      const { code, messages, trailers, headers } = await client.call('Say', word, { ...paid, 'x-own': 'mine' })
      expect([code, messages.map(String)]).toEqual([0, [`said ${word}`]])
      expect(trailers.get('x-words')).toEqual(['1'])
      expect(headers).toMatchObject({ 'payment-receipt': expect.any(String) })
    }
    expect(service.asked).toHaveLength(2)
    for (const asked of service.asked) {
      expect(asked).toMatchObject({ 'x-own': 'mine' })
      expect(asked).not.toHaveProperty('token')
    }
    const spent = await client.call('Say', 'three', paid)
    expect(problemIn(spent).code).toBe('payment-insufficient')
    expect(challengeIn(spent).invoice).not.toBe(challengeIn(refused).invoice)
    const altered = await client.call('Say', 'four', { token: paid.token.replace(/..$/, 'ff') })
    expect(['macaroon-invalid', 'credential-malformed']).toContain(problemIn(altered).code)
    expect(service.asked).toHaveLength(2)
  })

  test('is charged nothing for a call that failed, and learns why it did', async () => {
    const { client, pay } = await openShop({ allowance: '2 sat' })
    const paid = pay(await client.call('Fail', ''))
    for (const _ of [1, 2]) {
      const { code, details } = await client.call('Fail', '', paid)
      expect([code, details]).toEqual([5, 'no such thing: 100 % gone'])
    }
    expect((await client.call('Say', 'one', paid)).code).toBe(0)
    challengeIn(await client.call('Say', 'two', paid))
  })

  test('reads a stream until its money is used up, and is told so where it ends', async () => {
    const { client, pay } = await openShop({ price: '1 sat/KiB', allowance: '3 sat' })
    const paid = pay(await client.call('Count', '2'))
    const whole = await client.call('Count', '2', paid)
    expect([whole.code, whole.messages.map(({ length }) => length)]).toEqual([0, [1000, 1000]])
    const cut = await client.call('Count', '4', paid)
    expect([cut.code, cut.details]).toEqual([13, 'payment required'])
    expect(cut.messages).toHaveLength(1)
  })

  test('talks both ways at once', async () => {
    const { client, pay } = await openShop()
    const { call, ended } = client.talk(pay(await client.call('Say', '')))
    for (const word of ['one', 'two', 'three']) {
      call.write(Buffer.from(word))
      const [heard] = await once(call, 'data')
      expect(`${heard}`).toBe(`heard ${word}`)
    }
    call.end()
    expect((await ended).code).toBe(0)
  })

  test('calls a free service through, and is told where there is none', async () => {
    const { client } = await openShop({ price: 'free', schemes: undefined, allowance: undefined } as Route)
    expect((await client.call('Say', 'one')).messages.map(String)).toEqual(['said one'])
    expect((await client.call('Fail', '')).code).toBe(5)
    const gone = await openShop({ upstream: 'http://127.0.0.1:9' })
    const paid = gone.pay(await gone.client.call('Say', ''))
    const { code, details } = await gone.client.call('Say', '', paid)
    expect([code, details]).toEqual([14, 'the service behind the seller does not answer'])
  })
})

test('the buyer pays a call of gRPC over HTTP/2', async () => {
  const { server, buyer, service } = await openShop()
  const { fetch, close } = http2Client(`https://localhost:${server.port}`, `${cert}`)
  atEnd(close)
  const paying = buyer({ fetch, schemes: ['l402'] })
  const headers = { 'content-type': 'application/grpc', te: 'trailers' }
  const body = new Uint8Array([0, 0, 0, 0, 3, ...Buffer.from('one')])
  const response = await paying.fetch(`https://localhost:${server.port}/shop.Words/Say`, {
    method: 'POST',
    headers,
    body,
  })
  const answer = Buffer.from(await response.arrayBuffer())
  expect(`${answer.subarray(5)}`).toBe('said one')
  expect(paying.prepaid).toMatchObject([{ scheme: 'l402', paid: 4000n, uses: 1, state: 'open' }])
  expect(service.asked).toHaveLength(1)
})

describe('a service behind a gateway', () => {
  /** One that is written by hand: it answers each call as it is told to, over HTTP/2 in the clear. */
  async function openByHand(answer: (stream: ServerHttp2Stream) => void) {
    const streams: ServerHttp2Stream[] = []
    const server = createHttp2Server()
    server.on('stream', (stream) => {
      streams.push(stream)
      stream.on('error', () => {})
      answer(stream)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    atEnd(() => {
      for (const stream of streams) stream.session?.destroy()
      server.close()
    })
    const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const shop = await openShop({ upstream, allowance: '20 sat' })
    return { ...shop, streams, paid: shop.pay(await shop.client.call('Say', '')) }
  }

  const head = { 'content-type': 'application/grpc' }
  const message = Buffer.from([0, 0, 0, 0, 1, 65])
  const ways: Array<[string, (stream: ServerHttp2Stream) => void]> = [
    ['resets its answer', (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)],
    ['calls its answer off', (stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ['leaves', (stream) => stream.session?.destroy()],
    ['ends without saying how', (stream) => stream.end()],
  ]

  test.each(ways)('that %s in the middle leaves an answer that does not look whole', async (_, breakOff) => {
    const { client, paid } = await openByHand((stream) => {
      stream.respond(head)
      stream.write(message, () => setImmediate(() => breakOff(stream)))
    })
    const { code } = await client.call('Say', '', paid)
    expect(code).not.toBe(0)
  })

  test('says in a trailer what its answer costs besides, and the client does not see it', async () => {
    const { client, paid, nodes } = await openByHand((stream) => {
      stream.respond(head, { waitForTrailers: true })
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': '0', 'stream-cost': '3000 msat', 'x-own': 'a' }),
      )
      stream.end(message)
    })
    expect(nodes.seller.settlements).toHaveLength(1)
    const { code, trailers } = await client.call('Say', '', paid)
    // At a price by request there is nothing that it may add to.
    expect([code, trailers.get('stream-cost')]).toEqual([14, []])
  })

  test('is left by whoever calls its call off', async () => {
    const { client, paid, streams } = await openByHand((stream) => {
      stream.respond(head)
      stream.write(message)
    })
    const { call, ended } = client.talk(paid)
    await once(call, 'data')
    const [stream] = streams
    const closed = once(stream!, 'close')
    call.cancel()
    expect((await ended).code).toBe(1)
    await closed
  })

  test('that has failed a call at once keeps nothing of it', async () => {
    const { client, paid, streams } = await openByHand((stream) =>
      stream.respond({ ...head, 'grpc-status': '7', 'grpc-message': 'not%20you' }, { endStream: true }),
    )
    const { call, ended } = client.talk(paid)
    call.write(Buffer.from('hello'))
    const { code, details } = await ended
    expect([code, details]).toEqual([7, 'not you'])
    await expect.poll(() => streams[0]!.closed).toBe(true)
  })
})
