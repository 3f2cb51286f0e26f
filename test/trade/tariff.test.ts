import { describe, expect, test } from 'vitest'
import { formatPlay } from '../../src/meter/play.ts'
import { tokenEvent, usageEvent } from '../../src/meter/testing/chunks.ts'
import { msat } from '../../src/money/msat.ts'
import type { PaidHandler } from '../../src/seller/paywall.ts'
import { bytes, openMarket, readAll, rejection, Source } from './market.ts'

const chat = { input: '1 sat/token', output: '2 sat/token', minimum: '3 sat' }
const post = (body: BodyInit) => ({ method: 'POST', body })
const json = (value: unknown, status = 200) => Response.json(value, { status })

/** Reads the body it was sent, whole. */
const echo: PaidHandler = async (request) => new Response(await request.arrayBuffer())

async function settle(buyer: ReturnType<Awaited<ReturnType<typeof openMarket>>['buyer']>) {
  const [closing] = await buyer.close()
  expect(closing?.dispute).toBeUndefined()
  const { steps } = buyer.trades[0]!
  expect(steps).toBe(closing?.statement.steps)
  return closing!.statement
}

describe('a tariff, end to end: both sides come to the same, to the msat', () => {
  test('flat: a request, whatever comes', async () => {
    const market = await openMarket({ price: { request: '2 sat' }, handler: bytes(10_000) })
    const buyer = market.buyer()
    for (let i = 0; i < 5; i++) expect(await readAll(await buyer.fetch(market.url))).toBe(10_000)
    const statement = await settle(buyer)
    expect(statement).toMatchObject({ steps: 10_000n, delivered: 10_000n, price: { msat: 1n, per: 1n, unit: 'msat' } })
    expect(buyer.trades[0]?.tariff).toEqual({ request: 2000n })
  })

  test('bytes and a flat part, in pieces smaller than the answer', async () => {
    const market = await openMarket({
      price: { request: '1 sat', output: '1 sat/KiB' },
      handler: bytes(50_000, 20_000),
    })
    const buyer = market.buyer({ ahead: '8 sat' })
    expect(await readAll(await buyer.fetch(market.url))).toBe(50_000)
    expect(await settle(buyer)).toMatchObject({ steps: 1000n + (50_000n * 1000n) / 1024n })
  })

  test('an upload is counted as it is read, and paid for as it is sent', async () => {
    const market = await openMarket({ price: { upload: '1 sat/KiB', output: '1 sat/KiB' }, handler: echo })
    const buyer = market.buyer({ ahead: '8 sat' })
    const sent = new Uint8Array(40_000).fill(7)
    const response = await buyer.fetch(market.url, post(sent))
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(sent)
    expect(await settle(buyer)).toMatchObject({ steps: 2n * ((40_000n * 1000n) / 1024n) })
  })

  test('a form is counted as it is sent', async () => {
    let length = 0
    const market = await openMarket({
      price: { upload: '1 sat/KiB' },
      handler: async (request) => {
        const form = await request.clone().formData()
        length = (await request.arrayBuffer()).byteLength
        return json({ name: form.get('name') })
      },
    })
    const form = new FormData()
    form.set('name', 'x'.repeat(3000))
    const buyer = market.buyer()
    const response = await buyer.fetch(market.url, post(form))
    expect(await response.json()).toEqual({ name: 'x'.repeat(3000) })
    expect(await settle(buyer)).toMatchObject({ steps: (BigInt(length) * 1000n) / 1024n })
  })

  test.each([
    ['above the estimate', 30],
    ['below the estimate', 2],
  ])('the prompt of a JSON answer, by its usage, %s', async (_, prompt_tokens) => {
    const usage = { prompt_tokens, completion_tokens: 5 }
    const market = await openMarket({
      price: chat,
      handler: async (request) => {
        await request.text()
        return json({ choices: [{ message: { content: 'hello' } }], usage })
      },
    })
    const buyer = market.buyer({ ahead: '60 sat' })
    await (await buyer.fetch(market.url, post('x'.repeat(40)))).json()
    expect(await settle(buyer)).toMatchObject({ steps: BigInt(prompt_tokens) * 1000n + 10_000n })
  })

  test('without a usage a prompt has a token for every four bytes', async () => {
    const market = await openMarket({
      price: chat,
      handler: async (request) =>
        new Response(`${(await request.text()).length}`, { headers: { 'content-type': 'text/plain' } }),
    })
    const buyer = market.buyer()
    expect(await (await buyer.fetch(market.url, post('x'.repeat(17)))).text()).toBe('17')
    expect(await settle(buyer)).toMatchObject({ steps: 5000n + 2000n })
  })

  test('a stream of events whose usage corrects both counts', async () => {
    const parts = [...Array.from({ length: 6 }, (_, i) => `data: {"choices":[{"delta":{"content":"t${i}"}}]}\n\n`)]
    const market = await openMarket({
      price: chat,
      handler: async (request) => {
        await request.text()
        const usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
        return new Response([...parts, usage].join(''), { headers: { 'content-type': 'text/event-stream' } })
      },
    })
    const buyer = market.buyer({ ahead: '30 sat' })
    await (await buyer.fetch(market.url, post('x'.repeat(40)))).text()
    expect(await settle(buyer)).toMatchObject({ steps: 3000n + 10_000n })
  })

  test('an answer below the minimum costs the minimum, and no more', async () => {
    const market = await openMarket({
      price: chat,
      handler: () => new Response(usageEvent(1), { headers: { 'content-type': 'text/event-stream' } }),
    })
    const buyer = market.buyer({ ahead: '10 sat' })
    await (await buyer.fetch(market.url)).text()
    expect(await settle(buyer)).toMatchObject({ steps: 3000n })
  })

  test('what the seller adds by its own word, within the sum that was agreed', async () => {
    const refused: unknown[] = []
    const market = await openMarket({
      price: { request: '1 sat', extra: '5 sat' },
      // What is owed is written off when it is not covered in a moment: here it is, however busy the machine.
      credit: '5 sat',
      handler: async (_request, meter) => {
        expect(meter.tariff).toEqual({ request: 1000n, extra: 5000n })
        await meter.charge(msat(2000n))
        await meter.charge(msat(4000n)).catch((error) => refused.push(error))
        await meter.owe(msat(1500n))
        return new Response('done')
      },
    })
    const buyer = market.buyer()
    await (await buyer.fetch(market.url)).text()
    expect(refused).toEqual([expect.objectContaining({ code: 'option-invalid' })])
    expect(await settle(buyer)).toMatchObject({ steps: 4500n })
  })

  test('seconds of work and images, on the seller’s word', async () => {
    const market = await openMarket({
      price: { request: '1 sat', output: '2 sat/image' },
      handler: async (_request, meter) => {
        await meter.add(3)
        return new Response('images')
      },
    })
    const buyer = market.buyer()
    await (await buyer.fetch(market.url)).text()
    expect(await settle(buyer)).toMatchObject({ steps: 7000n })
  })

  test('seconds of work, within the buyer’s clock', async () => {
    const market = await openMarket({
      price: { request: '1 sat', output: '10 sat/s' },
      handler: async () => {
        await new Promise((resolve) => setTimeout(resolve, 100))
        return new Response('late')
      },
    })
    const buyer = market.buyer()
    await (await buyer.fetch(market.url)).text()
    const { steps } = await settle(buyer)
    expect(steps).toBeGreaterThanOrEqual(1000n + 900n)
    expect(steps).toBeLessThanOrEqual(1000n + BigInt(Math.ceil(buyer.trades[0]!.durationMs)) * 10n)
  })
})

describe('playing time', () => {
  const segment = (play: Parameters<typeof formatPlay>[0]): PaidHandler => {
    const headers = { 'stream-play': formatPlay(play), 'content-length': `${play.length}` }
    return () => new Response(new Source(Number(play.length), 3000).body, { headers })
  }
  test.each([
    ['a whole segment', { ms: 6006n, paid: 0n, of: 100_000n, from: 0n, length: 100_000n }, 6006n],
    ['half of it was paid', { ms: 6006n, paid: 50_000n, of: 100_000n, from: 0n, length: 100_000n }, 3003n],
    ['a range', { ms: 6006n, paid: 0n, of: 100_000n, from: 75_000n, length: 25_000n }, 1502n],
  ])('%s', async (_, play, ms) => {
    for (const price of ['2 sat/play-second', { output: '2 sat/play-second' }]) {
      const market = await openMarket({ price, handler: segment(play) })
      const buyer = market.buyer({ ahead: '3 sat' })
      expect(await readAll(await buyer.fetch(market.url))).toBe(Number(play.length))
      const { delivered } = await settle(buyer)
      expect(delivered).toBe(ms * 2n)
      await market.close()
    }
  })
  test('without the header it costs nothing', async () => {
    const market = await openMarket({ price: '2 sat/play-second', handler: bytes(10_000) })
    const buyer = market.buyer()
    expect(await readAll(await buyer.fetch(market.url))).toBe(10_000)
    expect(await settle(buyer)).toMatchObject({ steps: 0n })
  })
})

test.each([400, 404, 500, 503])(
  'an answer of %i costs nothing: no minimum, no upload, nothing that was added',
  async (status) => {
    const price = {
      request: '1 sat',
      upload: '1 sat/KiB',
      input: '1 msat/token',
      output: '1 sat/KiB',
      minimum: '5 sat',
      extra: '5 sat',
    }
    const market = await openMarket({
      price,
      handler: async (request, meter) => {
        await request.text()
        await meter.charge(msat(3000n))
        return json({ error: 'x' }, status)
      },
    })
    const buyer = market.buyer()
    expect((await buyer.fetch(market.url, post('x'.repeat(5000)))).status).toBe(status)
    expect(await settle(buyer)).toMatchObject({ steps: 0n })
  },
)

test('nothing may be added without a tariff that says so', async () => {
  const market = await openMarket({
    price: '1 sat/request',
    handler: async (_request, meter) => {
      const error = await rejection(meter.charge(msat(1n)))
      return new Response(error.code)
    },
  })
  const buyer = market.buyer()
  expect(await (await buyer.fetch(market.url)).text()).toBe('option-invalid')
})

test('requests at once share one agreement, its credit and its window, each with its own prompt, minimum and sum', async () => {
  const market = await openMarket({
    price: { ...chat, upload: '10 msat/byte', extra: '1 sat' },
    credit: '4 sat',
    handler: async (request, meter) => {
      const length = (await request.text()).length
      await meter.charge(msat(BigInt(length)))
      const answer = `${tokenEvent('a').repeat(length % 7)}data: {"usage":{"prompt_tokens":${length % 5}}}\n\n`
      return new Response(answer, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  const buyer = market.buyer({ ahead: '12 sat' })
  const ask = async (length: number) => (await buyer.fetch(market.url, post('x'.repeat(length)))).text()
  await ask(1)
  await Promise.all(Array.from({ length: 12 }, (_, i) => ask(i + 2)))
  const sums = Array.from({ length: 13 }, (_, i) => i + 1).map((length) => {
    const sum = 10 * length + 1000 * (length % 5) + 2000 * (length % 7) + length
    return BigInt(Math.max(3000, sum))
  })
  const [closing] = await buyer.close()
  expect(closing?.dispute).toBeUndefined()
  const { steps } = closing!.statement
  // What a last event tells of a prompt above its estimate is written off where the window is full: then more came than is charged.
  expect(buyer.trades[0]!.steps).toBeGreaterThanOrEqual(steps)
  expect(buyer.trades[0]!.steps).toBeLessThanOrEqual(sums.reduce((sum, one) => sum + one, 0n))
  expect(steps).toBeGreaterThanOrEqual(13n * 3000n)
  expect(market.accounts.size).toBe(1)
})
