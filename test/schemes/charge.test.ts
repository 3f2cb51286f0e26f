import { describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { formatAnyCredential } from '../../src/wire/credential.ts'
import { encodeJson } from '../../src/wire/encoding.ts'
import { decodeLightningReceipt } from '../../src/wire/mpp/receipt.ts'
import { byCharge, byL402, bySession, offeredBy, problemOf } from './offered.ts'
import { openShop, returnInvoice, type Shop } from './stand.ts'

const LIGHTNING = 'https://paymentauth.org/problems/lightning/'

/** A paid charge of a shop's first wall. */
async function paid(shop: Shop) {
  const offered = offeredBy(await shop.ask())
  const preimage = await shop.pay(offered.invoice())
  return { offered, preimage, headers: byCharge(offered, preimage) }
}

describe('a charge', () => {
  test('is served once, with a receipt that names the payment and not its preimage', async () => {
    const shop = openShop()
    const { offered, preimage, headers } = await paid(shop)
    const response = await shop.ask({ headers })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('sold')
    expect(response.headers.get('cache-control')).toBe('private')
    const receipt = response.headers.get('payment-receipt')!
    const { paymentHash } = decodeInvoice(offered.invoice())
    expect(decodeLightningReceipt(receipt)).toMatchObject({
      reference: paymentHash,
      challengeId: offered.charge().challenge.id,
    })
    expect(Buffer.from(receipt, 'base64url').toString()).not.toContain(preimage)

    const again = await shop.ask({ headers })
    expect(again.status).toBe(402)
    expect(again.headers.get('payment-receipt')).toBeNull()
    expect(await problemOf(again.clone())).toMatchObject({ type: `${LIGHTNING}unknown-challenge`, status: 402 })
    expect(offeredBy(again).invoice(), 'with a fresh challenge').not.toBe(offered.invoice())
    expect(shop.served).toBe(1)
  })

  test('shown fifty times at once is delivered once', async () => {
    const shop = openShop()
    const { headers } = await paid(shop)
    const responses = await Promise.all(Array.from({ length: 50 }, () => shop.ask({ headers })))
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(responses.filter(({ status }) => status === 402)).toHaveLength(49)
    expect(shop.served).toBe(1)
  })

  test('stays used after a restart', async () => {
    const nodes = scriptedPair()
    const ledger = openLedger(':memory:')
    const secret = new Uint8Array(32).fill(7)
    const shop = openShop({ ledger, secret }, undefined, {}, nodes)
    const { headers } = await paid(shop)
    expect((await shop.ask({ headers })).status).toBe(200)
    await shop.seller.close()
    const later = openShop({ ledger, secret }, undefined, {}, nodes)
    expect((await later.ask({ headers })).status).toBe(402)
    expect(later.served).toBe(0)
  })

  test('that was paid and not shown is good after a restart', async () => {
    const nodes = scriptedPair()
    const ledger = openLedger(':memory:')
    const secret = new Uint8Array(32).fill(8)
    const shop = openShop({ ledger, secret }, undefined, {}, nodes)
    const offered = offeredBy(await shop.ask())
    await shop.seller.close()
    const preimage = await shop.pay(offered.invoice())
    const later = openShop({ ledger, secret }, undefined, {}, nodes)
    expect((await later.ask({ headers: byCharge(offered, preimage) })).status).toBe(200)
  })

  test('whose answer is no success can be shown again: nothing was delivered for it', async () => {
    let broken = true
    const shop = openShop({}, () => (broken ? new Response('no', { status: 503 }) : new Response('sold')))
    const { headers } = await paid(shop)
    const failed = await shop.ask({ headers })
    expect(failed.status).toBe(503)
    expect(failed.headers.get('payment-receipt')).toBeNull()
    broken = false
    expect((await shop.ask({ headers })).status).toBe(200)
    expect((await shop.ask({ headers })).status).toBe(402)
  })

  test('whose handler throws can be shown again', async () => {
    let broken = true
    const shop = openShop({}, () => {
      if (broken) throw new Error('out of order')
      return new Response('sold')
    })
    const { headers } = await paid(shop)
    expect((await shop.ask({ headers })).status).toBe(500)
    broken = false
    expect((await shop.ask({ headers })).status).toBe(200)
  })

  test('is metered: what it does not use stays in the books, and a body that outgrows it is cut', async () => {
    const shop = openShop({ price: '1 sat/KiB', allowance: '3 sat' }, (request) => {
      const bytes = request.headers.has('x-long') ? 10 << 10 : 1 << 10
      return new Response(new Uint8Array(bytes))
    })
    const short = await paid(shop)
    const response = await shop.ask({ headers: short.headers })
    expect((await response.arrayBuffer()).byteLength).toBe(1 << 10)
    await expect.poll(() => shop.events.filter(({ type }) => type === 'closed')).toHaveLength(1)
    expect(await shop.seller.ledger.owed(0, sat(1))).toEqual({ amount: 2000n, agreements: 1 })

    const long = await paid(shop)
    const cut = await shop.ask({ headers: { ...long.headers, 'x-long': '1' } })
    const reader = cut.body!.getReader()
    let bytes = 0
    const reading = async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read()) bytes += read.value.byteLength
    }
    await expect(reading()).rejects.toMatchObject({ code: 'grace-exceeded' })
    expect(bytes, 'all that was paid for').toBe(3 << 10)
  })
})

describe('refused, with a fresh challenge, is a charge', () => {
  test('with the preimage of another payment', async () => {
    const shop = openShop()
    const { offered } = await paid(shop)
    const other = await paid(shop)
    const response = await shop.ask({ headers: byCharge(offered, other.preimage) })
    expect(response.status).toBe(402)
    expect(await problemOf(response.clone())).toMatchObject({ type: `${LIGHTNING}invalid-preimage` })
    expect(offeredBy(response).names).toContain('charge')
    expect(shop.served).toBe(0)
  })

  test('whose preimage is right and whose invoice our node has not settled', async () => {
    const shop = openShop()
    const offered = offeredBy(await shop.ask())
    const { paymentHash } = decodeInvoice(offered.invoice())
    const preimage = shop.nodes.seller.preimages.get(paymentHash)!
    const asked = shop.ask({ headers: byCharge(offered, preimage) })
    const response = await asked
    expect(response.status).toBe(402)
    expect(await problemOf(response)).toMatchObject({ code: 'payment-unsettled' })
    expect(shop.served).toBe(0)
  })

  test('that is early: it waits for the word of the node', async () => {
    const shop = openShop()
    const offered = offeredBy(await shop.ask())
    const { paymentHash, amount } = decodeInvoice(offered.invoice())
    const preimage = shop.nodes.seller.preimages.get(paymentHash)!
    const asked = shop.ask({ headers: byCharge(offered, preimage) })
    shop.nodes.seller.receive(paymentHash, amount!)
    expect((await asked).status).toBe(200)
  })

  test('whose echoed challenge was altered in any part', async () => {
    const shop = openShop()
    const { offered, preimage } = await paid(shop)
    const { challenge, request } = offered.charge()
    const cheap = encodeJson({ amount: '1', currency: 'sat', methodDetails: { invoice: request.invoice } })
    const changes = [
      { request: cheap },
      { realm: 'other' },
      { id: 'AAAA' },
      { expires: '2099-01-01T00:00:00Z' },
      { intent: 'session' },
    ]
    for (const change of changes) {
      const authorization = formatAnyCredential({
        challenge: { ...challenge, ...change },
        payload: { preimage, action: 'open' },
      })
      const response = await shop.ask({ headers: { authorization } })
      expect(response.status, JSON.stringify(change)).toBe(402)
      expect(offeredBy(response).names).toContain('charge')
    }
    expect(shop.served).toBe(0)
    expect((await shop.ask({ headers: byCharge(offered, preimage) })).status, 'the payment is not lost by it').toBe(200)
  })

  test('of another seller', async () => {
    const shop = openShop()
    const other = openShop()
    const { offered, preimage } = await paid(other)
    const response = await shop.ask({ headers: byCharge(offered, preimage) })
    expect(await problemOf(response)).toMatchObject({ type: `${LIGHTNING}unknown-challenge` })
  })

  test('of a cheap route at a dear one, and the dear one stays shut', async () => {
    const shop = openShop({ price: '10 sat/request' })
    const dear = shop.wall({ price: '1000 sat/request' })
    const { headers } = await paid(shop)
    const response = await dear({ headers })
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(shop.served).toBe(0)
    expect((await shop.ask({ headers })).status).toBe(200)
  })

  test('of a payment that was used under another scheme, both ways', async () => {
    const shop = openShop()
    const first = await paid(shop)
    expect((await shop.ask({ headers: byL402(first.offered, first.preimage) })).status).toBe(200)
    expect((await shop.ask({ headers: first.headers })).status).toBe(402)
    const second = await paid(shop)
    expect((await shop.ask({ headers: second.headers })).status).toBe(200)
    expect((await shop.ask({ headers: byL402(second.offered, second.preimage) })).status).toBe(402)
    const open = { action: 'open', preimage: second.preimage, returnInvoice: await returnInvoice(shop.nodes.buyer) }
    expect((await shop.ask({ headers: bySession(second.offered, open) })).status).toBe(402)
    expect(shop.served).toBe(2)
  })

  test('where the route sells by other schemes only', async () => {
    const shop = openShop()
    const { headers } = await paid(shop)
    const only = shop.wall({ schemes: ['stream', 'l402'] })
    const response = await only({ headers })
    expect(response.status).toBe(400)
    expect(await problemOf(response)).toMatchObject({ type: 'https://paymentauth.org/problems/method-unsupported' })
  })

  test('that is malformed', async () => {
    const shop = openShop()
    const { offered } = await paid(shop)
    const { challenge } = offered.charge()
    for (const payload of [{}, { preimage: 'AB'.repeat(32) }, { preimage: 7 }, { preimage: 'ab' }]) {
      const response = await shop.ask({ headers: { authorization: formatAnyCredential({ challenge, payload }) } })
      expect(response.status).toBe(402)
      expect(await problemOf(response)).toMatchObject({ type: `${LIGHTNING}malformed-credential` })
    }
  })
})

test('a credential may stand in Payment-Authorization, beside an Authorization that is the service’s own', async () => {
  const shop = openShop({}, (request) => new Response(request.headers.get('authorization')))
  const { offered, preimage } = await paid(shop)
  const headers = {
    'payment-authorization': byCharge(offered, preimage).authorization,
    authorization: 'Bearer of-the-service',
  }
  const response = await shop.ask({ headers })
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('Bearer of-the-service')
})
