import { describe, expect, test } from 'vitest'
import { openMarket, readAll, rejection, Source, sleep, until } from './market.ts'
import { RawBuyer } from './wire.ts'

const KIB = 1024

describe('a buyer stops paying', () => {
  test('the gate shuts within the credit, the source is paused, and after the grace period the work is aborted', async () => {
    const source = new Source(1000 * KIB, KIB)
    let aborted: unknown
    const market = await openMarket({
      credit: '2 sat',
      graceMs: 400,
      handler: (_request, meter) => {
        meter.signal.addEventListener('abort', () => {
          aborted = meter.signal.reason
        })
        return new Response(source.body)
      },
    })
    const raw = await new RawBuyer(market).agree([3000n])
    raw.pay(...raw.deal.invoices)
    const response = await raw.use()
    const reader = response.body!.getReader()
    let received = 0
    while (received < 5 * KIB) received += (await reader.read()).value!.length
    expect(received).toBe(5 * KIB)
    // Paused by backpressure: the one chunk that waits at the gate was read, and no more.
    await sleep(100)
    expect(source.pulls).toBe(6)
    expect(market.account.gate).toMatchObject({ shut: true, deliveredSteps: BigInt(5 * KIB), maxUnpaid: 2000n })
    expect(aborted).toBeUndefined()
    await expect(reader.read()).rejects.toThrow()
    expect(aborted).toMatchObject({ code: 'grace-exceeded' })
    expect(source.cancelled).toMatchObject({ code: 'grace-exceeded' })
    expect(source.pulls).toBe(6)
    expect(market.account.gate.deliveredSteps).toBe(BigInt(5 * KIB))
  })

  test('the agreement is kept: paying goes on with it where it stood', async () => {
    const market = await openMarket({ graceMs: 200, handler: () => new Response(new Source(4 * KIB).body) })
    const raw = await new RawBuyer(market).agree([3000n])
    raw.pay(...raw.deal.invoices)
    await rejection(readAll(await raw.use()))
    expect(market.account.gate.deliveredSteps).toBe(BigInt(3 * KIB))
    await raw.payMore(5000n)
    expect(await readAll(await raw.use())).toBe(4 * KIB)
    expect(market.account.gate.balance).toBe(1000n)
  })

  test('a payment that comes within the grace period lets the same answer go on', async () => {
    const market = await openMarket({ graceMs: 10_000, handler: () => new Response(new Source(4 * KIB).body) })
    const raw = await new RawBuyer(market).agree([2000n])
    raw.pay(...raw.deal.invoices)
    const body = raw.use().then(readAll)
    await until(() => market.account.gate.shut && market.account.gate.deliveredSteps > 0n)
    await raw.payMore(1000n)
    await until(() => market.account.gate.deliveredSteps === BigInt(3 * KIB) && market.account.gate.shut)
    await raw.payMore(1000n)
    expect(await body).toBe(4 * KIB)
    expect(market.account.halted).toBe(2)
  })

  test('a stranger that never pays gets 402 after the grace period, and no work is done for it', async () => {
    let worked = 0
    for (const price of ['1 sat/KiB', '1 sat/request', '1 sat/s', '1 sat/image']) {
      const market = await openMarket({
        price,
        graceMs: 50,
        handler: () => {
          worked++
          return new Response('work')
        },
      })
      const raw = await new RawBuyer(market).agree([1000n])
      const response = await raw.use()
      expect(response.status).toBe(402)
      expect(await response.json()).toMatchObject({ code: 'payment-insufficient' })
      expect(response.headers.get('www-authenticate')).toContain('intent="stream"')
      expect(market.account.gate.deliveredSteps).toBe(0n)
    }
    expect(worked).toBe(0)
  })

  test('seconds: the clock of the price stops with the payments', async () => {
    const market = await openMarket({
      price: '10 sat/s',
      graceMs: 300,
      handler: () => new Response(new Source(100, 1, () => sleep(20)).body),
    })
    const raw = await new RawBuyer(market).agree([1000n])
    raw.pay(...raw.deal.invoices)
    await rejection(readAll(await raw.use()))
    expect(market.account.gate.deliveredSteps).toBe(100n)
    expect(market.account.gate.maxUnpaid).toBe(0n)
  })

  test('an own unit: the meter rejects after the grace period', async () => {
    let failure: unknown
    const market = await openMarket({
      price: '1 sat/image',
      graceMs: 100,
      handler: async (_request, meter) => {
        await meter.add(1).catch((error) => {
          failure = error
        })
        await meter.add(5).catch((error) => {
          failure = error
        })
        return new Response('late')
      },
    })
    const raw = await new RawBuyer(market).agree([1000n])
    raw.pay(...raw.deal.invoices)
    await readAll(await raw.use())
    expect(failure).toMatchObject({ code: 'grace-exceeded' })
    expect(market.account.gate.deliveredSteps).toBe(1n)
  })

  test('its budget is used up in the middle: the reader learns what was received, paid and left', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(500 * KIB).body), graceMs: 20_000 })
    const buyer = market.buyer({ max: '23 sat', ahead: '10 sat', maxFeePercent: 0 })
    let received = 0
    const error = await rejection(
      (async () => {
        for await (const chunk of (await buyer.fetch(market.url)).body!) received += chunk.length
      })(),
    )
    expect(error).toMatchObject({ code: 'budget-exhausted', details: { paid: '23000', received: '23000', left: '0' } })
    expect(received).toBe(23 * KIB)
    expect(market.settled).toBe(23_000n)
    expect(buyer.spent).toBe(23_000n)
  })

  test.each([7, 11, 13, 17, 29])(
    'a budget of %i sat, whatever invoices lie ready, is used and then reported',
    async (max) => {
      const market = await openMarket({ handler: () => new Response(new Source(500 * KIB).body), graceMs: 20_000 })
      const buyer = market.buyer({ max: `${max} sat`, ahead: '20 sat', maxFeePercent: 0 })
      expect(await rejection(buyer.fetch(market.url).then(readAll))).toMatchObject({ code: 'budget-exhausted' })
      expect(market.settled).toBe(BigInt(max) * 1000n)
    },
  )

  test('the fee cap is kept within the budget too', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(500 * KIB).body), graceMs: 20_000 })
    const buyer = market.buyer({ max: '23 sat', ahead: '7 sat', maxFeePercent: 10 })
    expect(await rejection(buyer.fetch(market.url).then(readAll))).toMatchObject({ code: 'budget-exhausted' })
    expect(market.settled).toBeLessThanOrEqual(23_000n)
    expect(market.settled).toBeGreaterThanOrEqual(20_000n)
  })
})

describe('a buyer leaves', () => {
  test('in the middle of a body: the source ends, and each side is out by no more than its window', async () => {
    const source = new Source(2000 * KIB)
    const market = await openMarket({ credit: '3 sat', handler: () => new Response(source.body) })
    const buyer = market.buyer({ ahead: '6 sat' })
    const reader = (await buyer.fetch(market.url)).body!.getReader()
    let received = 0
    while (received < 40 * KIB) received += (await reader.read()).value!.length
    await reader.cancel()
    await until(() => source.cancelled !== undefined, 'the source is cancelled')
    await until(() => market.account.activeDeliveries === 0)
    await until(() => buyer.trades[0]!.inFlight === 0n)
    const [trade] = buyer.trades
    expect(trade!.paid).toBeLessThanOrEqual(trade!.received + trade!.ahead)
    const { delivered, paid } = market.account.gate
    expect(delivered).toBeLessThanOrEqual(paid + 3000n)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
  })

  test('while the handler works: its signal tells it', async () => {
    for (const price of ['1 sat/request', '1 sat/KiB', '1 sat/s', '1 sat/image']) {
      let reason: unknown
      let started = false
      const market = await openMarket({
        price,
        handler: (_request, meter) =>
          new Promise((resolve) => {
            started = true
            meter.signal.addEventListener('abort', () => {
              reason = meter.signal.reason
              resolve(new Response('nobody reads this'))
            })
          }),
      })
      const raw = await new RawBuyer(market).agree([5000n])
      raw.pay(...raw.deal.invoices)
      const leaving = new AbortController()
      const use = raw.use({ signal: leaving.signal })
      await until(() => started)
      leaving.abort()
      await rejection(use)
      await until(() => reason !== undefined, `the handler is told, at ${price}`)
      await until(() => market.account.activeDeliveries === 0)
    }
  })

  test('in a later request, that found its step covered: its signal tells it too', async () => {
    let reason: unknown
    let requests = 0
    const market = await openMarket({
      price: '1 sat/request',
      credit: '10 sat',
      handler: (_request, meter) => {
        if (++requests < 3) return new Response('quick')
        return new Promise(() => {
          meter.signal.addEventListener('abort', () => {
            reason = meter.signal.reason
          })
        })
      },
    })
    const raw = await new RawBuyer(market).agree()
    for (let i = 0; i < 2; i++) await readAll(await raw.use())
    const leaving = new AbortController()
    const use = raw.use({ signal: leaving.signal })
    await until(() => requests === 3)
    leaving.abort()
    await rejection(use)
    await until(() => reason !== undefined, 'the handler is told')
  })

  test('while it waits at a shut gate: its place in the queue is free', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(4 * KIB).body) })
    const raw = await new RawBuyer(market).agree([1000n])
    const leaving = new AbortController()
    const use = raw.use({ signal: leaving.signal })
    await until(() => market.accounts.size === 1 && market.account.gate.shut)
    leaving.abort()
    await rejection(use)
    await until(() => !market.account.gate.shut)
    expect(market.account.gate.deliveredSteps).toBe(0n)
  })

  test('while terms are agreed on: nothing is paid', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(4 * KIB).body) })
    const leaving = new AbortController()
    const reason = new Error('called off')
    const buyer = market.buyer({
      fetch: async (input, init) => {
        const response = await fetch(input, init)
        // The answer to the acceptance, not the 402 before it.
        if (response.ok) leaving.abort(reason)
        return response
      },
    })
    await expect(buyer.fetch(market.url, { signal: leaving.signal })).rejects.toBe(reason)
    await buyer.close()
    expect(market.accounts.size).toBe(1)
    expect(market.attempts).toEqual([])
  })

  test('a slow reader is paid for as it reads, and pauses the source', async () => {
    const source = new Source(3000 * KIB, 16 * KIB)
    const market = await openMarket({ price: '1 sat/16 KiB', handler: () => new Response(source.body) })
    const buyer = market.buyer({ ahead: '8 sat' })
    const reader = (await buyer.fetch(market.url)).body!.getReader()
    await reader.read()
    let pulls = -1
    for (; source.pulls !== pulls; await sleep(250)) pulls = source.pulls
    // What was paid ahead, and what lies in the sockets' buffers, is all that was taken from the source before it stood still.
    expect(pulls).toBeLessThan(3000 / 16)
    const [trade] = buyer.trades
    expect(trade!.paid).toBeLessThanOrEqual(trade!.received + 8000n)
    expect(market.account.gate.delivered).toBeLessThanOrEqual(market.account.gate.paid)
    await reader.cancel()
  })
})
