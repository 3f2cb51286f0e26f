import { describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { msat, sat } from '../../src/money/msat.ts'
import type { PaidHandler } from '../../src/seller/paywall.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { decodeLightningReceipt } from '../../src/wire/mpp/receipt.ts'
import { byCharge, byL402, bySession, type Offered, offeredBy, problemOf } from './offered.ts'
import { openShop, returnInvoice, type Shop } from './stand.ts'

const LIGHTNING = 'https://paymentauth.org/problems/lightning/'
const hashOf = (offered: Offered) => decodeInvoice(offered.invoice()).paymentHash

/** A paid deposit of a shop's first wall, and what its owner can show. */
async function deposited(shop: Shop) {
  const offered = offeredBy(await shop.ask())
  const preimage = await shop.pay(offered.deposit())
  const sessionId = hashOf(offered)
  const back = await returnInvoice(shop.nodes.buyer)
  const by = (payload: Record<string, unknown>, on = offered) => shop.ask({ headers: bySession(on, payload) })
  return {
    offered,
    preimage,
    sessionId,
    back,
    open: (invoice = back) => by({ action: 'open', preimage, returnInvoice: invoice }),
    bearer: () => by({ action: 'bearer', sessionId, preimage }),
    close: () => by({ action: 'close', sessionId, preimage }),
    async topUp() {
      const next = offeredBy(await shop.ask())
      const topUpPreimage = await shop.pay(next.deposit())
      const payload = { action: 'topUp', sessionId, topUpPreimage }
      return { offered: next, payload, response: await by(payload, next) }
    },
    by,
  }
}

const REQUESTS = { price: '2 sat/request', allowance: '10 sat' }
const json = async (response: Response) => (await response.json()) as Record<string, unknown>

describe('a session', () => {
  test('opens, serves what its deposit buys, and returns the rest when it is closed', async () => {
    const shop = openShop(REQUESTS)
    const { open, bearer, close, sessionId, back } = await deposited(shop)
    const opened = await open()
    expect(opened.status).toBe(200)
    expect(await opened.text()).toBe('sold')
    expect(decodeLightningReceipt(opened.headers.get('payment-receipt')!)).toMatchObject({ reference: sessionId })
    expect((await bearer()).status).toBe(200)

    const closed = await close()
    expect(closed.status).toBe(200)
    expect(await json(closed.clone())).toEqual({ status: 'closed', refundSats: 6, refundStatus: 'succeeded' })
    expect(decodeLightningReceipt(closed.headers.get('payment-receipt')!)).toMatchObject({
      reference: sessionId,
      closed: { refundSats: 6n, refundStatus: 'succeeded' },
    })
    const { paymentHash } = decodeInvoice(back)
    expect(await shop.nodes.buyer.lookupInvoice(paymentHash)).toBe(6000n)

    const after = await bearer()
    expect(after.status).toBe(402)
    expect(await problemOf(after)).toMatchObject({ type: `${LIGHTNING}session-closed` })
    expect(await json(await close()), 'told again, paid once').toMatchObject({
      refundSats: 6,
      refundStatus: 'succeeded',
    })
    expect(shop.nodes.buyer.settlements).toHaveLength(1)
    expect(shop.served).toBe(2)
  })

  test('is never free: open and close and topUp together deliver what was paid for and no more', async () => {
    const shop = openShop(REQUESTS)
    const { open, close, topUp } = await deposited(shop)
    expect((await open()).status).toBe(200)
    const { response } = await topUp()
    expect(await json(response)).toEqual({ status: 'ok' })
    await close()
    expect(shop.served, 'only open served').toBe(1)
    expect(await shop.nodes.buyer.settlements.map(({ amount }) => amount)).toEqual([sat(18)])
  })

  test('that is short is told so with an invoice for a top-up, and goes on after it', async () => {
    const shop = openShop({ ...REQUESTS, allowance: '4 sat' })
    const { open, bearer, topUp } = await deposited(shop)
    expect((await open()).status).toBe(200)
    expect((await bearer()).status).toBe(200)
    const short = await bearer()
    expect(short.status).toBe(402)
    expect(await problemOf(short.clone())).toMatchObject({ type: `${LIGHTNING}insufficient-balance` })
    expect(offeredBy(short).names).toContain('session')
    expect((await topUp()).response.status).toBe(200)
    expect((await bearer()).status).toBe(200)
    expect((await bearer()).status).toBe(200)
    expect((await bearer()).status).toBe(402)
  })

  test('opened again is a bearer: metered like any, and its return invoice stays', async () => {
    const shop = openShop(REQUESTS)
    const { open, close, back } = await deposited(shop)
    const other = await returnInvoice(shop.nodes.buyer)
    expect((await open()).status).toBe(200)
    expect((await open(other)).status).toBe(200)
    expect(await json(await close())).toMatchObject({ refundSats: 6 })
    expect(await shop.nodes.buyer.lookupInvoice(decodeInvoice(back).paymentHash)).toBe(6000n)
    expect(await shop.nodes.buyer.lookupInvoice(decodeInvoice(other).paymentHash)).toBeUndefined()
  })

  test('that used everything returns nothing', async () => {
    const shop = openShop({ ...REQUESTS, allowance: '2 sat' })
    const { open, close } = await deposited(shop)
    await open()
    expect(await json(await close())).toEqual({ status: 'closed', refundSats: 0, refundStatus: 'skipped' })
    expect(shop.nodes.buyer.settlements).toHaveLength(0)
  })

  test('keeps less than a sat, and returns whole sats', async () => {
    const shop = openShop({ price: '100 msat/request', allowance: '3 sat' })
    const { open, close } = await deposited(shop)
    await open()
    expect(await json(await close())).toMatchObject({ refundSats: 2, refundStatus: 'succeeded' })
  })

  test('whose refund finds no route says so, and is paid later all the same', async () => {
    const shop = openShop(REQUESTS, undefined, {
      returnPace: { firstDelayMs: 1, longestDelayMs: 5, longestLookMs: 5, expiryMarginMs: 1, answerMs: 1 },
    })
    let failing = true
    shop.nodes.seller.script = () => (failing ? { status: 'failed', reason: 'no-route', detail: 'nowhere' } : undefined)
    const { open, close } = await deposited(shop)
    await open()
    expect(await json(await close())).toEqual({
      status: 'closed',
      refundSats: 8,
      refundStatus: 'failed',
      pending: true,
    })
    failing = false
    await expect.poll(() => shop.nodes.buyer.settlements.map(({ amount }) => amount)).toEqual([sat(8)])
    await expect
      .poll(async () => json(await close()))
      .toEqual({ status: 'closed', refundSats: 8, refundStatus: 'succeeded' })
  })

  test('goes on after a restart with what is left, and is closed by it when it idles', async () => {
    const nodes = scriptedPair()
    const options = { ...REQUESTS, ledger: openLedger(':memory:'), secret: new Uint8Array(32).fill(3) }
    const shop = openShop(options, undefined, {}, nodes)
    const { open, offered, sessionId, preimage } = await deposited(shop)
    expect((await open()).status).toBe(200)
    await shop.seller.close()
    let monotonicMs = 0
    const clock = { nowMs: () => Date.now(), monotonicMs: () => monotonicMs }
    const later = openShop(options, undefined, { clock }, nodes)
    const bearer = () => later.ask({ headers: bySession(offered, { action: 'bearer', sessionId, preimage }) })
    expect((await bearer()).status).toBe(200)
    monotonicMs = 299_999
    await later.seller.sessions.sweep()
    expect((await bearer()).status).toBe(200)
    monotonicMs = 600_000
    await later.seller.sessions.sweep()
    await expect.poll(() => nodes.buyer.settlements.map(({ amount }) => amount)).toEqual([sat(4)])
    expect(await problemOf(await bearer())).toMatchObject({ type: `${LIGHTNING}session-closed` })
  })

  test('that was closed by a process that died before the refund was booked is refunded by the next', async () => {
    const nodes = scriptedPair()
    const ledger = openLedger(':memory:')
    const options = { ...REQUESTS, ledger, secret: new Uint8Array(32).fill(4) }
    const shop = openShop(options, undefined, {}, nodes)
    const { open, sessionId } = await deposited(shop)
    await open()
    const id = shop.seller.keys.current.offerId(sessionId)
    await shop.seller.close()
    await ledger.close(id, 1n, '{}')
    const later = openShop(options, undefined, {}, nodes)
    await later.seller.ready()
    await later.seller.sessions.sweep()
    await expect.poll(() => nodes.buyer.settlements.map(({ amount }) => amount)).toEqual([sat(8)])
  })
})

describe('a top-up', () => {
  test('counts once, however often and at once it is shown', async () => {
    const shop = openShop(REQUESTS)
    const { open, topUp, by, close } = await deposited(shop)
    await open()
    const { offered, payload, response } = await topUp()
    expect(response.status).toBe(200)
    const again = await Promise.all(Array.from({ length: 50 }, () => by(payload, offered)))
    expect(new Set(again.map(({ status }) => status))).toEqual(new Set([200]))
    for (const each of again) expect(await json(each)).toEqual({ status: 'ok' })
    expect(await json(await close())).toMatchObject({ refundSats: 18 })
    expect(shop.served).toBe(1)
  })

  test('is no open deposit, no second deposit, and serves no other session', async () => {
    const shop = openShop(REQUESTS)
    const first = await deposited(shop)
    await first.open()
    const second = await deposited(shop)
    await second.open()
    const own = { action: 'topUp', sessionId: first.sessionId, topUpPreimage: first.preimage }
    const others = { action: 'topUp', sessionId: first.sessionId, topUpPreimage: second.preimage }
    for (const [payload, on] of [
      [own, first.offered],
      [others, second.offered],
    ] as const) {
      const response = await first.by(payload, on)
      expect(response.status).toBe(402)
      expect(await problemOf(response)).toMatchObject({ type: `${LIGHTNING}unknown-challenge` })
    }
    const { offered, payload } = await first.topUp()
    const elsewhere = await first.by({ ...payload, sessionId: second.sessionId }, offered)
    expect(elsewhere.status).toBe(402)
    const opened = {
      action: 'open',
      preimage: payload.topUpPreimage,
      returnInvoice: await returnInvoice(shop.nodes.buyer),
    }
    expect((await first.by(opened, offered)).status, 'a top-up opens nothing').toBe(402)
    expect((await shop.ask({ headers: byCharge(offered, payload.topUpPreimage) })).status).toBe(402)
    expect((await shop.ask({ headers: byL402(offered, payload.topUpPreimage) })).status).toBe(402)
    expect(await json(await first.close())).toMatchObject({ refundSats: 18 })
    expect(await json(await second.close())).toMatchObject({ refundSats: 8 })
  })

  test('with a preimage that is not its own, or to no session, is refused and can be shown again', async () => {
    const shop = openShop(REQUESTS)
    const { open, by, sessionId, preimage } = await deposited(shop)
    await open()
    const next = offeredBy(await shop.ask())
    const topUpPreimage = await shop.pay(next.deposit())
    const refused = async (payload: Record<string, unknown>) => (await problemOf(await by(payload, next))).type
    expect(await refused({ action: 'topUp', sessionId, topUpPreimage: preimage })).toBe(`${LIGHTNING}invalid-preimage`)
    const nobody = '00'.repeat(32)
    expect(await refused({ action: 'topUp', sessionId: nobody, topUpPreimage })).toBe(`${LIGHTNING}session-not-found`)
    expect((await by({ action: 'topUp', sessionId, topUpPreimage }, next)).status).toBe(200)
  })
})

describe('refused, with a fresh challenge, is', () => {
  test('an open whose return invoice could not be paid', async () => {
    const shop = openShop(REQUESTS)
    const { open } = await deposited(shop)
    const { buyer, seller } = shop.nodes
    const make = async (node: typeof buyer, amount: 'any' | bigint, expiresInSeconds: number) => {
      const asked = { amount: amount === 'any' ? amount : msat(amount), description: '', expiresInSeconds }
      return (await node.createInvoices([asked]))[0]!.request
    }
    const wrong = {
      garbage: 'lnbcrt1garbage',
      amount: await make(buyer, 5000n, 2_592_000),
      'the seller’s own': await make(seller, 'any', 2_592_000),
      'too short': await make(buyer, 'any', 200),
    }
    for (const [name, invoice] of Object.entries(wrong)) {
      const response = await open(invoice)
      expect(response.status, name).toBe(402)
      expect(await problemOf(response), name).toMatchObject({ type: `${LIGHTNING}invalid-return-invoice` })
    }
    expect(shop.served).toBe(0)
    expect((await open()).status, 'the deposit is not lost by it').toBe(200)
  })

  test('a bearer of no session, of one that was only paid, and with another preimage', async () => {
    const shop = openShop(REQUESTS)
    const first = await deposited(shop)
    const type = async (payload: Record<string, unknown>) => (await problemOf(await first.by(payload))).type
    const { sessionId, preimage } = first
    expect(await type({ action: 'bearer', sessionId, preimage })).toBe(`${LIGHTNING}session-not-found`)
    await first.open()
    const other = await deposited(shop)
    expect(await type({ action: 'bearer', sessionId, preimage: other.preimage })).toBe(`${LIGHTNING}invalid-preimage`)
    expect(await type({ action: 'close', sessionId, preimage: other.preimage })).toBe(`${LIGHTNING}invalid-preimage`)
    expect(await type({ action: 'bearer', sessionId })).toBe(`${LIGHTNING}malformed-credential`)
    expect(await type({ action: 'steal', sessionId, preimage })).toBe(`${LIGHTNING}malformed-credential`)
  })

  test('a bearer at a dearer route, whatever challenge it echoes', async () => {
    const shop = openShop(REQUESTS)
    const dear = shop.wall({ price: '100 sat/request' })
    const { open, sessionId, preimage, offered } = await deposited(shop)
    await open()
    const there = offeredBy(await dear())
    for (const echoed of [offered, there]) {
      const response = await dear({ headers: bySession(echoed, { action: 'bearer', sessionId, preimage }) })
      expect(response.status).toBeGreaterThanOrEqual(400)
    }
    expect(shop.served).toBe(1)
  })
})

describe('a stream of events under a session', () => {
  const events =
    (count: number): PaidHandler =>
    () => {
      let at = 0
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            const text = at < count ? `data: {"n":${at}}\n\n` : 'data: [DONE]\n\n'
            controller.enqueue(new TextEncoder().encode(text))
            if (at++ === count) controller.close()
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
  const read = async (reader: ReadableStreamDefaultReader<Uint8Array>, until: (text: string) => boolean) => {
    let text = ''
    while (!until(text)) {
      const { done, value } = await reader.read()
      if (done) break
      text += new TextDecoder().decode(value)
    }
    return text
  }
  const PER_EVENT = { price: '1 sat/token', allowance: '4 sat' }
  const dataOf = (text: string, event: string) =>
    JSON.parse(new RegExp(`event: ${event}\ndata: (.*)\n`).exec(text)![1]!) as Record<string, unknown>

  test('says when it is short, waits, and goes on on the same connection after a top-up; ends with what it cost', async () => {
    const shop = openShop(PER_EVENT, events(6))
    const { open, topUp, sessionId, close } = await deposited(shop)
    const response = await open()
    expect(response.status).toBe(200)
    const reader = response.body!.getReader()
    const first = await read(reader, (text) => text.includes('payment-need-topup'))
    expect(first.match(/data: \{"n"/g), 'all that was paid for').toHaveLength(4)
    expect(dataOf(first, 'payment-need-topup')).toEqual({ sessionId, balanceSpent: 4, balanceRequired: 1 })
    expect((await topUp()).response.status).toBe(200)
    const rest = await read(reader, () => false)
    expect(rest.match(/data: \{"n"/g)).toHaveLength(2)
    expect(rest).not.toContain('payment-need-topup')
    const receipt = dataOf(rest, 'payment-receipt')
    expect(receipt).toMatchObject({ method: 'lightning', reference: sessionId, status: 'success', spent: 6, units: 6 })
    expect(rest.indexOf('payment-receipt')).toBeLessThan(rest.indexOf('[DONE]'))
    expect(await json(await close())).toMatchObject({ refundSats: 2, refundStatus: 'succeeded' })
  })

  test('without a top-up ends with the reason, after its hold', async () => {
    const shop = openShop({ ...PER_EVENT, graceMs: 20 }, events(6))
    const { open, sessionId } = await deposited(shop)
    const text = await read((await open()).body!.getReader(), () => false)
    expect(text.match(/data: \{"n"/g)).toHaveLength(4)
    expect(dataOf(text, 'session-timeout')).toEqual({ sessionId, balanceSpent: 4, balanceRequired: 1 })
    expect(text.indexOf('payment-need-topup')).toBeLessThan(text.indexOf('session-timeout'))
    expect(text).not.toContain('payment-receipt')
  })

  test('that its buyer leaves costs what left, and the session can be closed', async () => {
    const shop = openShop({ ...PER_EVENT, allowance: '100 sat' }, events(50))
    const { open, close } = await deposited(shop)
    const reader = (await open()).body!.getReader()
    await read(reader, (text) => text.split('\n\n').length > 5)
    await reader.cancel()
    const { refundSats } = await json(await close())
    expect(refundSats).toBeGreaterThanOrEqual(90)
    expect(refundSats).toBeLessThanOrEqual(96)
  })

  test('is paused by its reader, and not billed for what waits', async () => {
    const shop = openShop({ ...PER_EVENT, allowance: '100 sat' }, events(50))
    const { open, sessionId } = await deposited(shop)
    await open()
    const account = await shop.seller.accounts.get(shop.seller.keys.current.offerId(sessionId))
    expect(account!.gate.deliveredSteps).toBeLessThanOrEqual(1n)
  })

  test('is ended when the session is closed meanwhile', async () => {
    const shop = openShop({ ...PER_EVENT, allowance: '100 sat' }, events(50))
    const { open, close } = await deposited(shop)
    const reader = (await open()).body!.getReader()
    await reader.read()
    expect((await close()).status).toBe(200)
    await expect(read(reader, () => false)).rejects.toMatchObject({ code: 'session-closed' })
  })
})
