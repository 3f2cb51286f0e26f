/*
 * What stands beside a payment: headers of the request's own, the body that it is for, and the receipt.
 */
import { describe, expect, it } from 'vitest'
import type { BuyerOptions } from '../../src/buyer/buyer.ts'
import { agreementRecords } from '../../src/buyer/journal/history.ts'
import { recover } from '../../src/buyer/journal/recover.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { sat } from '../../src/money/msat.ts'
import { parseAnyCredential } from '../../src/wire/credential.ts'
import { lightningReceipt } from '../../src/wire/mpp/receipt.ts'
import { SessionShop } from './sessionShop.ts'
import { Shop } from './shop.ts'

const KEY = 'Bearer key-of-the-service'
const failing = (buying: Promise<unknown>) => buying.then(() => undefined).catch((error) => error)

describe('a session at a seller with a door before its wall', () => {
  const came: Array<{ action: string; headers: Headers }> = []
  const doorFor =
    (name: string, value: string) =>
    ({ headers }: Request): Response | undefined => {
      const text = ['payment-authorization', 'authorization']
        .map((one) => headers.get(one))
        .find((one) => one?.startsWith('Payment '))
      came.push({ action: text ? `${parseAnyCredential(text).payload.action}` : 'none', headers })
      return headers.get(name) === value ? undefined : new Response('who are you?', { status: 401 })
    }

  it.each([
    ['x-api-key', 'secret', undefined],
    ['authorization', KEY, 'Payment-Authorization'],
  ])('goes through it with every action: %s', async (name, value, header) => {
    came.length = 0
    const shop = await SessionShop.open({ chunks: 30, door: doorFor(name, value), ...(header && { header }) })
    const buyer = shop.buyer()
    const init = {
      method: 'POST',
      body: '{"prompt":1}',
      headers: { [name]: value, 'Content-Type': 'application/json' },
    }
    for (const _ of [1, 2]) expect(await (await buyer.fetch(shop.url, init)).text()).toContain('chunk 29')
    await buyer.close()
    expect(shop.only.closed).toBe(true)
    expect(shop.earned - shop.refunded).toBe(sat(60))
    expect(new Set(came.map(({ action }) => action))).toEqual(new Set(['none', 'open', 'topUp', 'bearer', 'close']))
    expect(came.every(({ headers }) => headers.get(name) === value)).toBe(true)
    const control = came.filter(({ action }) => action === 'topUp' || action === 'close')
    expect(control.filter(({ headers }) => headers.has('content-type'))).toEqual([])
    expect(buyer.prepaid[0]!.receiptFault).toBeUndefined()
  })

  it('cannot be closed by a later command, which has no key: it says so, and another purchase there closes it', async () => {
    const journal = openJournal(':memory:')
    const shop = await SessionShop.open({ chunks: 5, door: doorFor('x-api-key', 'secret') })
    const first = shop.buyer({ journal })
    const headers = { 'x-api-key': 'secret' }
    await (await first.fetch(shop.url, { headers })).text()
    await first.close({ keep: true })
    const { agreements } = await recover({ node: shop.nodes.buyer, journal, close: true, withinMs: 0 })
    expect(agreements).toMatchObject([{ now: 'failed', error: { code: 'seller-failed', details: { status: '401' } } }])
    const next = shop.buyer({ journal })
    await (await next.fetch(shop.url, { headers })).text()
    await next.close()
    expect(shop.sessions.size).toBe(1)
    expect(shop.only.closed).toBe(true)
  })
})

describe('a request with an Authorization of its own', () => {
  const headers = { authorization: KEY }

  it('is charged beside it where the seller leaves room', async () => {
    const shop = await Shop.open({ schemes: ['charge', 'l402'], header: 'Payment-Authorization' })
    const buyer = shop.buyer()
    expect(await (await buyer.fetch(shop.url, { headers })).text()).toBe('the thing')
    expect(buyer.prepaid).toMatchObject([{ scheme: 'charge', state: 'closed' }])
    shop.checkHonest()
  })

  it.each(['charge', 'l402'] as const)('is not paid by %s where it would lose it', async (scheme) => {
    const shop = await Shop.open({ schemes: [scheme] })
    expect(await failing(shop.buyer().fetch(shop.url, { headers }))).toMatchObject({ code: 'authorization-taken' })
    expect(shop.earned).toBe(0n)
  })

  it('does not use a token that was bought without it', async () => {
    const shop = await SessionShop.open({ chunks: 3 })
    const buyer = shop.buyer()
    await (await buyer.fetch(shop.url)).text()
    const { earned } = shop
    expect(await failing(buyer.fetch(shop.url, { headers }))).toMatchObject({ code: 'authorization-taken' })
    expect(shop.earned).toBe(earned)
  })
})

describe('a charge that is bound to a body', () => {
  const post = (body: BodyInit): RequestInit => ({ method: 'POST', body })

  /** A run that paid and ended before its credential arrived. */
  async function paidFor(body: BodyInit) {
    const journal = openJournal(':memory:')
    const shop = await Shop.open({ schemes: ['charge'], bound: true })
    const lost: BuyerOptions['fetch'] = (url, init) => {
      if (new Headers(init?.headers).has('authorization')) throw new TypeError('cut')
      return fetch(url, init)
    }
    const first = shop.buyer({ journal, fetch: lost })
    expect(await failing(first.fetch(shop.url, post(body)))).toBeDefined()
    await first.close({ keep: true })
    expect(shop.earned).toBe(sat(20))
    return { shop, next: shop.buyer({ journal }) }
  }

  it('is used by a later request with the same body', async () => {
    const { shop, next } = await paidFor('{"a":1}')
    expect(await (await next.fetch(shop.url, post(new TextEncoder().encode('{"a":1}')))).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(20))
    shop.checkHonest()
  })

  it('is not shown with another', async () => {
    const { shop, next } = await paidFor('{"a":1}')
    expect(await (await next.fetch(shop.url, post('{"a":2}'))).text()).toBe('the thing')
    expect(shop.earned, 'and another is paid').toBe(sat(40))
    expect(shop.asked.filter((one) => one !== undefined)).toHaveLength(1)
  })

  it('is paid for a form, whose bytes are made once', async () => {
    const shop = await Shop.open({ schemes: ['charge'], bound: true })
    const form = new FormData()
    form.set('prompt', 'hello')
    expect(await (await shop.buyer().fetch(shop.url, post(form))).text()).toBe('the thing')
    shop.checkHonest()
  })

  it('is not paid where it is for another body than this request has', async () => {
    const shop = await Shop.open({
      schemes: ['charge'],
      bound: true,
      tamper: (value) => value.replace(/digest="[^"]*"/, 'digest="sha-256=:AAAA:"'),
    })
    expect(await failing(shop.buyer().fetch(shop.url, post('x')))).toMatchObject({ code: 'seller-failed' })
    expect(shop.earned).toBe(0n)
  })
})

describe('a receipt', () => {
  const other = 'ab'.repeat(32)

  it.each([
    ['for another payment', (said: object) => ({ ...said, reference: other })],
    ['for another challenge', (said: object) => ({ ...said, challengeId: 'other' })],
    ['of another method', (said: object) => ({ ...said, method: 'tempo' })],
    ['of a failure', (said: object) => ({ ...said, status: 'failed' })],
    ['of nothing', () => ({})],
  ])('%s is told and noted, and what came is there', async (_, tamper) => {
    const journal = openJournal(':memory:')
    const shop = await Shop.open({ schemes: ['charge'], receipt: (said) => tamper(lightningReceipt(said)) })
    const buyer = shop.buyer({ journal })
    expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(buyer.prepaid).toMatchObject([{ state: 'closed', receiptFault: { code: 'receipt-mismatch' } }])
    await expect.poll(async () => (await journal.agreements())[0]!.fault).toMatch(/^receipt-mismatch: /)
    expect(await agreementRecords(journal, 0)).toMatchObject([{ fault: expect.stringMatching(/^receipt-mismatch/) }])
    shop.checkHonest()
  })

  it.each([
    ['in the header', (said: Record<string, unknown>) => ({ ...said, reference: other })],
    ['in the last event', (said: Record<string, unknown>) => ('spent' in said ? { ...said, reference: other } : said)],
    [
      'of more than what came can cost',
      (said: Record<string, unknown>) => ('spent' in said ? { ...said, spent: Number.MAX_SAFE_INTEGER } : said),
    ],
  ])('of a session that lies %s is told, and the stream goes to its end', async (_, receipt) => {
    const shop = await SessionShop.open({ chunks: 12, receipt })
    const buyer = shop.buyer()
    expect(await (await buyer.fetch(shop.url)).text()).toContain('chunk 11')
    await buyer.close()
    expect(buyer.prepaid).toMatchObject([{ state: 'closed', receiptFault: { code: 'receipt-mismatch' } }])
    expect(shop.refunded).toBe(sat(8))
  })

  it('that is honest, or not there, is no matter', async () => {
    const journal = openJournal(':memory:')
    const shop = await Shop.open({ schemes: ['charge'] })
    const silent = await Shop.open({ schemes: ['charge'], answer: () => new Response('the thing') })
    for (const one of [shop, silent]) {
      const buyer = one.buyer({ journal })
      await (await buyer.fetch(one.url)).text()
      expect(buyer.prepaid[0]).not.toHaveProperty('receiptFault')
    }
    expect((await journal.agreements()).map(({ fault }) => fault)).toEqual([undefined, undefined])
  })
})
