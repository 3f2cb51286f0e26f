import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { recover } from '../../src/buyer/journal/recover.ts'
import { purchaseOf } from '../../src/buyer/purchase.ts'
import { StreamError } from '../../src/errors/error.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { sat } from '../../src/money/msat.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { SessionShop } from './sessionShop.ts'

const failing = (buying: Promise<unknown>) => buying.then(() => undefined).catch((error) => error)
const chunksOf = (text: string) => text.match(/data: chunk \d+/g) ?? []

describe('a session', () => {
  it('is opened by a deposit, fed by more, and closed with what is left coming back', async () => {
    const shop = await SessionShop.open({ chunks: 70 })
    const buyer = shop.buyer()
    const response = await buyer.fetch(shop.url)
    const text = await response.text()
    expect(chunksOf(text)).toHaveLength(70)
    expect(text).toContain('[DONE]')
    // The session's own events are not the reader's.
    expect(text).not.toContain('payment-')
    expect(shop.actions[0]).toBe('open')
    await buyer.close()
    expect(shop.actions.at(-1)).toBe('close')
    expect(shop.only).toMatchObject({ closed: true, spent: sat(70) })
    expect(shop.earned).toBe(shop.only.deposits)
    expect(shop.refunded).toBe(shop.only.deposits - sat(70))
    const left = shop.refunded
    expect(buyer.prepaid).toMatchObject([
      {
        scheme: 'session',
        paid: shop.only.deposits,
        state: 'closed',
        refund: { amount: left, status: left > 0n ? 'settled' : 'nothing' },
      },
    ])
    // By the buyer's own count, which has the end of the stream as one chunk more.
    expect(purchaseOf(response)!.cost).toBeLessThanOrEqual(sat(71))
  })

  it('gets its further deposits before it is empty, if the source leaves time', async () => {
    // Each chunk waits until whatever the buyer has begun to pay is there.
    const shop: SessionShop = await SessionShop.open({
      chunks: 60,
      pace: async () => {
        const { spent, deposits } = shop.only
        if (deposits - spent > sat(4)) return
        await expect.poll(() => shop.only.deposits - shop.only.spent).toBeGreaterThan(sat(4))
      },
    })
    const buyer = shop.buyer()
    expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(60)
    expect(shop.stalls).toBe(0)
  })

  it.each([true, false])(
    'of a slow node has several deposits on their way, each invoice paid once; offered again: %s',
    async (reuses) => {
      const shop = await SessionShop.open({ chunks: 200, reuses })
      shop.nodes.buyer.latencyMs = 100
      const buyer = shop.buyer({ maxRisk: '100 sat' })
      expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(200)
      await buyer.close()
      const paid = shop.nodes.seller.settlements.map(({ paymentHash }) => paymentHash)
      expect(new Set(paid).size).toBe(paid.length)
      expect(shop.only.deposits).toBe(shop.earned)
      expect(shop.refunded + sat(200)).toBe(shop.earned)
    },
  )

  it('gets one more when its seller has used up the last before it said that it has it', async () => {
    const shop: SessionShop = await SessionShop.open({
      chunks: 70,
      toppedUp: async () => void (shop.stalls < 3 && (await expect.poll(() => shop.stalls).toBeGreaterThan(1))),
    })
    const buyer = shop.buyer({ maxRisk: '20 sat' })
    expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(70)
    await buyer.close()
    expect(shop.refunded + sat(70)).toBe(shop.earned)
  })

  it('serves further requests by its bearer, and a further deposit when it is empty', async () => {
    const shop = await SessionShop.open({ chunks: 15 })
    const buyer = shop.buyer()
    for (let i = 0; i < 4; i++) expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(15)
    expect(shop.sessions.size).toBe(1)
    expect(shop.actions.filter((action) => action === 'open')).toHaveLength(1)
    await buyer.close()
    expect(shop.refunded + sat(60)).toBe(shop.earned)
  })

  it('never has more with the seller than may be at risk', async () => {
    const shop = await SessionShop.open({ chunks: 100 })
    let most = 0n
    shop.nodes.buyer.script = () => {
      const spent = shop.sessions.size === 0 ? 0n : shop.only.spent
      const after = shop.earned + sat(20) - spent
      if (after > most) most = after
      return undefined
    }
    const buyer = shop.buyer({ maxRisk: '25 sat' })
    expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(100)
    expect(most).toBeLessThanOrEqual(sat(25))
  })

  it('that was left open is gone on with by the next run', async () => {
    const journal = openJournal(':memory:')
    const shop = await SessionShop.open({ chunks: 5 })
    const first = shop.buyer({ journal })
    await (await first.fetch(shop.url)).text()
    await first.close({ keep: true })
    expect(shop.only.closed).toBe(false)
    const second = shop.buyer({ journal })
    await (await second.fetch(shop.url)).text()
    await second.close()
    expect(shop.sessions.size).toBe(1)
    expect(shop.earned).toBe(sat(20))
    expect(shop.refunded).toBe(sat(10))
    expect((await journal.agreements())[0]).toMatchObject({
      state: 'closed',
      returns: [{ amount: sat(10), status: 'settled' }],
    })
  })

  it('that the seller closed by itself has its refund looked for, and another one is opened', async () => {
    const shop = await SessionShop.open({ chunks: 5 })
    const buyer = shop.buyer()
    await (await buyer.fetch(shop.url)).text()
    await shop.end([...shop.sessions.keys()][0]!)
    expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(5)
    expect(shop.sessions.size).toBe(2)
    expect(buyer.prepaid[0]).toMatchObject({ state: 'closed', refund: { amount: sat(15), status: 'settled' } })
  })
})

describe('where the rest of a session is paid to', () => {
  it('is written before its seller hears of it', async () => {
    const journal = openJournal(':memory:')
    const shop = await SessionShop.open({ chunks: 5 })
    const written: unknown[] = []
    const buyer = shop.buyer({
      journal,
      fetch: async (url, init) => {
        if (new Headers(init?.headers).has('authorization')) written.push((await journal.agreements())[0]!.returns)
        return fetch(url, init)
      },
    })
    await (await buyer.fetch(shop.url)).text()
    expect(written[0]).toEqual([{ invoice: shop.only.returnInvoice, amount: 0n, status: 'asked' }])
    // Nothing is said to come back yet.
    expect((await recover({ node: shop.nodes.buyer, journal })).agreements).toEqual([])
  })

  it.each(['the next request', 'recover'])(
    'is asked of the node again by %s, and the deposit not paid again',
    async (by) => {
      const journal = openJournal(':memory:')
      const shop = await SessionShop.open({ chunks: 5 })
      const { buyer: node } = shop.nodes
      const make = node.createInvoices.bind(node)
      let isAway = true
      node.createInvoices = async (asked) => {
        if (isAway) throw new StreamError('node-unreachable', 'away')
        return make(asked)
      }
      const first = shop.buyer({ journal })
      expect(await failing(first.fetch(shop.url))).toMatchObject({ code: 'node-unreachable' })
      expect(shop.earned).toBe(sat(20))
      expect(shop.sessions.size).toBe(0)
      isAway = false
      if (by === 'recover') {
        await first.close({ keep: true })
        const { agreements } = await recover({ node, journal, close: true })
        expect(agreements).toMatchObject([{ now: 'closed', returned: 'settled', amount: sat(20) }])
      } else {
        expect(chunksOf(await (await first.fetch(shop.url)).text())).toHaveLength(5)
        await first.close()
        expect(first.prepaid).toMatchObject([{ state: 'closed', refund: { amount: sat(15), status: 'settled' } }])
      }
      expect(shop.earned).toBe(sat(20))
      expect((await recover({ node, journal, close: true })).agreements).toEqual([])
    },
  )
})

describe('a seller that says less than the draft wants', () => {
  it('is paid further deposits, and its receipt believed for what it pays back', async () => {
    const shop = await SessionShop.open({ chunks: 15, blunt: true })
    const buyer = shop.buyer()
    for (let i = 0; i < 4; i++) expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(15)
    expect(shop.sessions.size).toBe(1)
    await buyer.close()
    expect(shop.only).toMatchObject({ closed: true, deposits: shop.earned })
    expect(shop.refunded + sat(60)).toBe(shop.earned)
    const left = shop.refunded
    expect(buyer.prepaid).toMatchObject([{ refund: { amount: left, status: left > 0n ? 'settled' : 'nothing' } }])
  })

  describe('and takes no challenge that has expired', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
    afterEach(() => void vi.useRealTimers())
    const later = () => vi.setSystemTime(Date.now() + 20 * 60_000)

    it('has its session used and closed by another', async () => {
      const shop = await SessionShop.open({ chunks: 5, blunt: true })
      const buyer = shop.buyer()
      await (await buyer.fetch(shop.url)).text()
      later()
      expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(5)
      later()
      await buyer.close()
      expect(shop.sessions.size).toBe(1)
      expect(shop.only).toMatchObject({ closed: true, spent: sat(10) })
      expect(shop.refunded + sat(10)).toBe(shop.earned)
      expect(buyer.prepaid).toMatchObject([{ refund: { amount: shop.refunded, status: 'settled' } }])
    })

    it('gets no more for a unit by it', async () => {
      const options = { chunks: 5, each: sat(1), blunt: true }
      const shop = await SessionShop.open(options)
      const buyer = shop.buyer({ maxPrice: '1 sat/chunk' })
      await (await buyer.fetch(shop.url)).text()
      later()
      options.each = sat(2)
      expect(await failing(buyer.fetch(shop.url))).toMatchObject({ code: 'price-too-high' })
      expect(shop.only).toMatchObject({ spent: sat(5), closed: true })
      expect(shop.refunded + sat(5)).toBe(shop.earned)
    })
  })
})

describe('a seller that is not honest', () => {
  it('and counts more than came is paid no further deposit for it', async () => {
    const shop = await SessionShop.open({ chunks: 100, each: sat(1), overcount: 30n, deposit: sat(50) })
    const buyer = shop.buyer()
    const response = await buyer.fetch(shop.url)
    expect(await failing(response.text())).toMatchObject({ code: 'count-mismatch' })
    expect(shop.earned).toBe(sat(50))
  })

  it('and says that it paid back what never arrives is not believed', async () => {
    const shop = await SessionShop.open({ chunks: 5, refunds: 'failed' })
    const buyer = shop.buyer()
    await (await buyer.fetch(shop.url)).text()
    await buyer.close()
    expect(buyer.prepaid).toMatchObject([{ refund: { amount: sat(15), status: 'failed' } }])
  })

  it('and raises its price is not topped up', async () => {
    const options = { chunks: 100, each: sat(1) }
    const shop = await SessionShop.open(options)
    const buyer = shop.buyer()
    const response = await buyer.fetch(shop.url)
    options.each = sat(2)
    expect(await failing(response.text())).toMatchObject({ code: 'seller-changed' })
    expect(shop.earned).toBe(sat(20))
  })
})

describe('the deposit', () => {
  it('is refused above the price for a unit', async () => {
    const shop = await SessionShop.open({ each: sat(2) })
    const buyer = shop.buyer({ maxPrice: '1 sat/chunk' })
    expect(await failing(buyer.fetch(shop.url))).toMatchObject({ code: 'price-too-high' })
    expect(shop.earned).toBe(0n)
  })

  it('that was paid for and not told is told before the session is closed', async () => {
    const shop = await SessionShop.open({ chunks: 15 })
    let cuts = 4
    const buyer = shop.buyer({
      fetch: (url, init) => {
        const header = new Headers(init?.headers).get('authorization') ?? ''
        const text = Buffer.from(header.replace('Payment ', ''), 'base64url').toString()
        if (text.includes('"topUp"') && cuts-- > 0) throw new TypeError('cut')
        return fetch(url, init)
      },
    })
    await (await buyer.fetch(shop.url)).text()
    await buyer.close()
    expect(shop.only).toMatchObject({ deposits: shop.earned, closed: true })
    expect(shop.refunded + sat(15)).toBe(shop.earned)
  })

  it('that was paid for and not told is told by the next run', async () => {
    const journal = openJournal(':memory:')
    const shop = await SessionShop.open({ chunks: 15 })
    // Further deposits of the first run are paid and never arrive as such.
    const lost = shop.buyer({
      journal,
      fetch: (url, init) => {
        const header = new Headers(init?.headers).get('authorization') ?? ''
        const text = Buffer.from(header.replace('Payment ', ''), 'base64url').toString()
        if (text.includes('"topUp"')) throw new TypeError('cut')
        return fetch(url, init)
      },
    })
    await (await lost.fetch(shop.url)).text()
    await expect.poll(() => shop.earned).toBe(sat(40))
    await lost.close({ keep: true })
    expect(shop.only.deposits).toBe(sat(20))
    const buyer = shop.buyer({ journal })
    expect(chunksOf(await (await buyer.fetch(shop.url)).text())).toHaveLength(15)
    expect(shop.only.deposits).toBeGreaterThanOrEqual(sat(40))
    const hashes = (await journal.payments()).map(({ request }) => decodeInvoice(request).paymentHash)
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})
