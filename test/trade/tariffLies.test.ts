import { describe, expect, test } from 'vitest'
import { tokenEvent } from '../../src/meter/testing/chunks.ts'
import type { Account } from '../../src/seller/account.ts'
import { openMarket, readAll, rejection, Source, sleep, until } from './market.ts'

/** Counts more on the agreement than the request does, as a seller could that lies. */
const lie = (account: Account, msat: bigint): bigint => account.gate.reserve(msat, 1n)

describe('a seller that states more than can be true', () => {
  test.each([
    ['of a flat rate', { request: '1 sat' }, 1n],
    ['of bytes', { request: '1 sat', output: '1 sat/KiB' }, 1n],
    ['beyond what it may add', { request: '1 sat', extra: '2 sat' }, 2001n],
    ['of an upload', { upload: '1 sat/KiB', minimum: '1 sat' }, 2000n],
  ])('%s is caught at the close', async (_, price, msat) => {
    const market = await openMarket({
      price,
      credit: '20 sat',
      handler: async (request) => {
        await request.text()
        return new Response(new Uint8Array(1024))
      },
    })
    const buyer = market.buyer()
    expect(await readAll(await buyer.fetch(market.url, { method: 'POST', body: 'x'.repeat(1024) }))).toBe(1024)
    expect(lie(market.account, msat)).toBe(msat)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toMatchObject({ code: 'count-mismatch' })
  })

  test('of what it may add, it is believed that sum and nothing more', async () => {
    const market = await openMarket({
      price: { request: '1 sat', extra: '2 sat' },
      credit: '20 sat',
      handler: () => new Response('x'),
    })
    const buyer = market.buyer()
    await (await buyer.fetch(market.url)).text()
    lie(market.account, 2000n)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement.steps).toBe(3000n)
  })
})

describe('numbers that a seller writes', () => {
  const tell = `data: ${JSON.stringify({ usage: { prompt_tokens: 1_000_000, completion_tokens: 1 } })}\n\n`
  const selling = (body: string) =>
    openMarket({
      price: { input: '1 sat/token', output: '1 sat/token' },
      credit: '3 sat',
      handler: () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    })

  test('an enormous prompt that is told at the end costs no more than the windows hold', async () => {
    const market = await selling(tokenEvent('a') + tell)
    const buyer = market.buyer({ ahead: '10 sat' })
    await (await buyer.fetch(market.url, { method: 'POST', body: 'short' })).text()
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    const { delivered, paid } = closing!.statement
    // Before the buyer reads the number it has a token and the two that a prompt of five bytes is taken for: it pays 10 sat beyond these,
    // and the seller gives 3 sat of credit beyond what was paid. How much of that comes before the rest is written off is a matter of time.
    expect(delivered).toBeLessThanOrEqual(3000n + 10_000n + 3000n)
    // The number is believed as far as it can have been covered, and as much may be ahead again.
    expect(paid).toBeLessThanOrEqual(3000n + 10_000n + 3000n + 10_000n)
  })

  test('one that is told first is asked for before anything leaves, and the buyer sees the sum', async () => {
    const market = await selling(tell + tokenEvent('a'))
    const buyer = market.buyer({ ahead: '10 sat' })
    const error = await rejection(
      buyer.fetch(market.url, { method: 'POST', body: 'short' }).then((response) => response.text()),
    )
    expect(error).toMatchObject({ code: 'window-too-small' })
  })

  test('a body that is said to play for a day lets go of what is paid, and ends with the window', async () => {
    const market = await openMarket({
      price: '1 sat/play-second',
      handler: () =>
        new Response(new Source(1000, 100).body, {
          headers: { 'stream-play': 'ms=86400000', 'content-length': '1000' },
        }),
    })
    const buyer = market.buyer({ ahead: '10 sat' })
    const response = await buyer.fetch(market.url)
    await expect(readAll(response)).rejects.toMatchObject({ code: 'window-too-small' })
    const [closing] = await buyer.close()
    expect(closing!.statement.delivered).toBeLessThanOrEqual(10_000n)
  })
})

test('who stops paying for its upload is not read any further, and is charged for nothing', async () => {
  let read = 0
  const market = await openMarket({
    price: { upload: '1 sat/KiB' },
    graceMs: 400,
    handler: async (request) => {
      for await (const chunk of request.body!) read += chunk.byteLength
      return new Response('stored')
    },
  })
  market.script = (_payment, number) => (number > 2 ? { status: 'failed', reason: 'no-route', detail: '' } : undefined)
  const buyer = market.buyer({ ahead: '8 sat', stallMs: 2000 })
  const error = await rejection(
    buyer.fetch(market.url, { method: 'POST', body: new Uint8Array(200_000) }).then(async (response) => {
      if (!response.ok) throw Object.assign(new Error('refused'), { code: `${response.status}` })
    }),
  )
  expect(['payment-insufficient', 'grace-exceeded', 'no-route', 'seller-unreachable']).toContain(error.code)
  expect(read).toBeLessThanOrEqual(8 * 1024)
  await until(() => market.account.activeDeliveries === 0, 'the request is over')
  expect(market.account.gate.deliveredSteps).toBe(0n)
})

test('an upload much larger than the window is paid for as it goes', async () => {
  let answeredAt = 0
  const market = await openMarket({
    price: { upload: '1 sat/KiB' },
    handler: async (request) => {
      let length = 0
      for await (const chunk of request.body!) length += chunk.byteLength
      answeredAt = market.settled > 0n ? 1 : 0
      return new Response(`${length}`)
    },
  })
  const buyer = market.buyer({ ahead: '6 sat' })
  const response = await buyer.fetch(market.url, { method: 'POST', body: new Uint8Array(60_000) })
  expect(await response.text()).toBe('60000')
  await sleep(10)
  expect(answeredAt).toBe(1)
  const [closing] = await buyer.close()
  expect(closing).toMatchObject({ statement: { steps: (60_000n * 1000n) / 1024n } })
  expect(closing?.dispute).toBeUndefined()
})
