import { describe, expect, test } from 'vitest'
import { serve } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, wall } from '../../src/seller/paywall.ts'
import { formatAnyCredential } from '../../src/wire/credential.ts'
import { bodyDigest } from '../../src/wire/digest.ts'
import { byCharge, byL402, bySession, offeredBy, problemOf } from './offered.ts'
import { atEnd, openShop, returnInvoice } from './stand.ts'

const echo: PaidHandler = async (request) => new Response(`read ${await request.text()}`)
const KIB = 1024

/** A shop over HTTP, so that bodies come as they do. */
async function open() {
  const shop = openShop()
  const schemes = ['session', 'charge', 'l402'] as const
  const handle = wall(shop.seller, { price: '2 sat/request', schemes, allowance: '10 sat', scope: 'echo' })(echo)
  const server = await serve(handle, { port: 0 })
  atEnd(() => server.close(0))
  const post = (body: BodyInit | null, headers: Record<string, string> = {}) =>
    fetch(server.url, {
      method: 'POST',
      body,
      headers,
      ...(body instanceof ReadableStream && { duplex: 'half' }),
    } as RequestInit)
  return { shop, post, url: server.url }
}

describe('a charge for a request with a body', () => {
  test('is bound to that body, and good for it alone', async () => {
    const { shop, post } = await open()
    const offered = offeredBy(await post('{"a":1}'))
    const { challenge } = offered.charge()
    expect(challenge.digest).toBe(bodyDigest(new TextEncoder().encode('{"a":1}')))
    expect(offered.session().challenge.digest, 'a session is for many').toBeUndefined()
    const headers = byCharge(offered, await shop.pay(offered.invoice()))
    for (const other of ['{"a":2}', null, 'x'.repeat(100 * KIB)]) {
      const refused = await post(other, headers)
      expect(refused.status).toBe(402)
      expect(await problemOf(refused)).toMatchObject({ type: expect.stringContaining('unknown-challenge') })
    }
    const response = await post('{"a":1}', headers)
    expect(await response.text()).toBe('read {"a":1}')
    expect(response.headers.get('payment-receipt')).not.toBeNull()
    expect((await post('{"a":1}', headers)).status, 'once').toBe(402)
  })

  test('is good for a client that echoes no digest: the body tells it', async () => {
    const { shop, post } = await open()
    const offered = offeredBy(await post('hello'))
    const { digest: _, ...challenge } = offered.charge().challenge
    const preimage = await shop.pay(offered.invoice())
    const headers = { authorization: formatAnyCredential({ challenge, payload: { preimage } }) }
    expect((await post('goodbye', headers)).status).toBe(402)
    expect(await (await post('hello', headers)).text()).toBe('read hello')
  })

  test('is bound to nothing where there is no body, or one too long to be read for nothing', async () => {
    const { shop, post, url } = await open()
    const long = 'x'.repeat(65 * KIB)
    const chunked = () =>
      new ReadableStream({
        start(controller) {
          for (let i = 0; i < 65; i++) controller.enqueue(new Uint8Array(KIB))
          controller.close()
        },
      })
    expect(offeredBy(await post(null)).charge().challenge.digest).toBeUndefined()
    expect(offeredBy(await fetch(url)).charge().challenge.digest).toBeUndefined()
    expect(offeredBy(await post(chunked())).charge().challenge.digest).toBeUndefined()
    const offered = offeredBy(await post(long))
    expect(offered.charge().challenge.digest).toBeUndefined()
    const headers = byCharge(offered, await shop.pay(offered.invoice()))
    expect((await (await post(long, headers)).text()).length).toBe('read '.length + 65 * KIB)
  })

  test('leaves the other schemes of the same 402 to any body', async () => {
    const { shop, post } = await open()
    const token = offeredBy(await post('one'))
    const byToken = byL402(token, await shop.pay(token.invoice()))
    for (const body of ['two', 'three']) expect(await (await post(body, byToken)).text()).toBe(`read ${body}`)
    const session = offeredBy(await post('four'))
    const preimage = await shop.pay(session.deposit())
    const opening = { action: 'open', preimage, returnInvoice: await returnInvoice(shop.nodes.buyer) }
    expect(await (await post('five', bySession(session, opening))).text()).toBe('read five')
  })
})
