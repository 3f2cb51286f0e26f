import { describe, expect, test } from 'vitest'
import { tokenEvent, usageEvent } from '../../src/meter/testing/chunks.ts'
import { bytes, openMarket, readAll, Source, sleep } from './market.ts'

const text = (parts: readonly string[], type: string): Response => {
  const left = [...parts]
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = left.shift()
        if (next === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(next))
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': type } })
}
const tokens = (count: number): string[] => Array.from({ length: count }, (_, i) => tokenEvent(`t${i}`))

describe('each unit, end to end', () => {
  test('bytes: exactly as many as the body has, on both sides, and the rest of the money comes back', async () => {
    const market = await openMarket({ handler: bytes(100_000, 7000), price: '1 sat/KiB' })
    const buyer = market.buyer()
    const response = await buyer.fetch(market.url)
    expect(response.status).toBe(200)
    expect(response.headers.get('payment-receipt')).not.toBeNull()
    expect(response.headers.get('cache-control')).toBe('private')
    expect(await readAll(response)).toBe(100_000)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement.steps).toBe(100_000n)
    expect(buyer.trades[0]).toMatchObject({ steps: 100_000n, state: 'closed' })
    expect(market.account.gate.deliveredSteps).toBe(100_000n)
    // 97 656.25 msat, rounded down by the one who charges
    expect(closing?.statement.delivered).toBe(97_656n)
    const { paid, returned } = buyer.trades[0]!
    expect(paid - returned).toBeLessThan(97_656n + 1000n)
    expect(market.settled).toBe(paid)
  })

  test('bytes with credit and a large chunk are cut where the cover ends', async () => {
    const market = await openMarket({ handler: bytes(1 << 20, 1 << 20), price: '1 sat/64 KiB', credit: '2 sat' })
    const buyer = market.buyer({ ahead: '4 sat' })
    expect(await readAll(await buyer.fetch(market.url))).toBe(1 << 20)
    expect(market.account.gate.deliveredSteps).toBe(1n << 20n)
  })

  test('seconds: the seller is paid for its work, and not for its waiting', async () => {
    const market = await openMarket({
      price: '10 sat/s',
      handler: async () => {
        await sleep(120)
        return text(['a', 'b', 'c'], 'text/plain')
      },
    })
    const buyer = market.buyer({ ahead: '5 sat' })
    const response = await buyer.fetch(market.url)
    // The reader dawdles; the seller's clock stands still meanwhile.
    await sleep(400)
    expect(await readAll(response)).toBe(3)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement.steps).toBeGreaterThanOrEqual(60n)
    const { durationMs } = buyer.trades[0]!
    expect(Number(closing?.statement.steps)).toBeLessThanOrEqual(Math.ceil(durationMs) - 300)
  })

  test('tokens of an event stream: one for each event, and the usage has the last word', async () => {
    const market = await openMarket({
      price: '1 sat/token',
      handler: () => text([...tokens(40), usageEvent(38), 'data: [DONE]\n\n'], 'text/event-stream'),
    })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    const [closing] = await buyer.close()
    expect(closing).toMatchObject({ statement: { steps: 38n, delivered: 38_000n } })
    expect(closing?.dispute).toBeUndefined()
    expect(buyer.trades[0]?.steps).toBe(38n)
  })

  test.each([
    ['credit that covers all of it: whole', '50 sat', 43n],
    ['no credit: as far as it is paid for when the body ends', '0 sat', 40n],
  ])('a usage above the events, with %s', async (_, credit, least) => {
    const market = await openMarket({
      price: '1 sat/token',
      credit,
      handler: () => text([...tokens(40), usageEvent(43), 'data: [DONE]\n\n'], 'text/event-stream'),
    })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    const { steps } = closing!.statement
    expect(steps).toBeGreaterThanOrEqual(least)
    expect(steps).toBeLessThanOrEqual(43n)
    expect(buyer.trades[0]?.steps).toBe(steps)
  })

  test('tokens of a JSON answer: its usage', async () => {
    const body = JSON.stringify({ choices: [{ message: { content: 'hello' } }], usage: { completion_tokens: 6 } })
    const market = await openMarket({ price: '1 sat/token', handler: () => text([body], 'application/json') })
    const buyer = market.buyer()
    expect(await (await buyer.fetch(market.url)).json()).toMatchObject({ usage: { completion_tokens: 6 } })
    expect(await buyer.close()).toMatchObject([{ statement: { steps: 6n } }])
    expect(buyer.trades[0]?.steps).toBe(6n)
  })

  test('requests: one for each, many on one agreement, exactly', async () => {
    const market = await openMarket({ price: '2 sat/request', handler: () => new Response('hello') })
    const buyer = market.buyer({ ahead: '20 sat' })
    for (let i = 0; i < 10; i++) expect(await (await buyer.fetch(market.url)).text()).toBe('hello')
    const [closing] = await buyer.close()
    expect(closing).toMatchObject({ statement: { steps: 10n, delivered: 20_000n } })
    expect(closing?.dispute).toBeUndefined()
    expect(buyer.trades).toHaveLength(1)
  })

  test('a unit of the seller’s own: counted by its program', async () => {
    const market = await openMarket({
      price: '3 sat/image',
      handler: async (_request, meter) => {
        await meter.add(2)
        await meter.add(1n)
        return new Response('images')
      },
    })
    const buyer = market.buyer()
    expect(await (await buyer.fetch(market.url)).text()).toBe('images')
    const [closing] = await buyer.close()
    expect(closing).toMatchObject({ statement: { steps: 3n, delivered: 9000n } })
    expect(closing?.dispute).toBeUndefined()
  })
})

describe('one agreement, many requests', () => {
  test('bodies one after the other on one connection are counted exactly', async () => {
    let size = 0
    const market = await openMarket({
      price: '1 sat/KiB',
      handler: () => {
        size += 1111
        return new Response(new Source(size, 500).body)
      },
    })
    const buyer = market.buyer()
    let total = 0
    for (let i = 0; i < 6; i++) total += await readAll(await buyer.fetch(market.url))
    expect(total).toBe(1111 * 21)
    expect(await buyer.close()).toMatchObject([{ statement: { steps: BigInt(total) } }])
    expect(buyer.trades).toHaveLength(1)
    expect(buyer.trades[0]?.steps).toBe(BigInt(total))
  })

  test('requests at once share the agreement, its credit and its window', async () => {
    const market = await openMarket({ price: '1 sat/KiB', credit: '3 sat', handler: bytes(20_000, 3000) })
    const buyer = market.buyer({ ahead: '8 sat' })
    const paths = Array.from({ length: 8 }, (_, i) => `${market.url}/${i}`)
    // The first one makes the agreement, the others find it.
    const first = await readAll(await buyer.fetch(market.url))
    const sizes = await Promise.all(paths.map(async (url) => readAll(await buyer.fetch(url))))
    expect([first, ...sizes]).toEqual(Array.from({ length: 9 }, () => 20_000))
    expect(await buyer.close()).toMatchObject([{ statement: { steps: 180_000n } }])
    expect(market.accounts.size).toBe(1)
  })

  test('a first burst of requests makes one agreement for one place', async () => {
    const market = await openMarket({ price: '1 sat/KiB', handler: bytes(5000) })
    const buyer = market.buyer()
    const sizes = await Promise.all(Array.from({ length: 5 }, async () => readAll(await buyer.fetch(market.url))))
    expect(sizes).toEqual([5000, 5000, 5000, 5000, 5000])
    expect(buyer.trades).toHaveLength(1)
    expect(market.account.gate.deliveredSteps).toBe(25_000n)
  })
})

describe('what is not charged', () => {
  test('HEAD: no body, no bytes', async () => {
    const market = await openMarket({ handler: bytes(50_000) })
    const buyer = market.buyer()
    const response = await buyer.fetch(market.url, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('50000')
    expect(await readAll(response)).toBe(0)
    const [closing] = await buyer.close()
    expect(closing?.statement.steps).toBe(0n)
    expect(closing?.dispute).toBeUndefined()
  })

  test.each([400, 404, 500, 503])('an answer of %i, whatever the unit', async (status) => {
    for (const price of ['1 sat/KiB', '1 sat/request', '1 sat/token', '10 sat/s', '1 sat/image']) {
      const market = await openMarket({
        price,
        handler: async (_request, meter) => {
          if (price.endsWith('image')) await meter.add(1)
          return new Response('x'.repeat(3000), { status })
        },
      })
      const buyer = market.buyer()
      const response = await buyer.fetch(market.url)
      expect(response.status).toBe(status)
      expect((await response.text()).length).toBe(3000)
      expect(response.headers.get('payment-receipt')).toBeNull()
      const [closing] = await buyer.close()
      expect(closing?.statement.steps).toBe(0n)
      expect(closing?.dispute).toBeUndefined()
      await market.close()
    }
  })

  test('a redirect', async () => {
    const market = await openMarket({
      price: '1 sat/request',
      handler: () => new Response(null, { status: 303, headers: { location: '/elsewhere' } }),
    })
    const buyer = market.buyer()
    expect((await buyer.fetch(market.url, { redirect: 'manual' })).status).toBe(303)
    expect(market.account.gate.deliveredSteps).toBe(0n)
  })

  test('a handler that throws: 500 without its message, nothing charged, and the operator is told', async () => {
    const market = await openMarket({
      price: '1 sat/request',
      handler: () => {
        throw new Error('the password is hunter2')
      },
    })
    const buyer = market.buyer()
    const response = await buyer.fetch(market.url)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('hunter2')
    expect(market.account.gate.deliveredSteps).toBe(0n)
    expect(market.events.find((event) => event.type === 'error')?.error.message).toContain('hunter2')
    expect(await buyer.close()).toMatchObject([{ statement: { steps: 0n } }])
  })
})
