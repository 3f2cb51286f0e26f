import { expect, test } from 'vitest'
import { FORGOTTEN_AFTER_MS } from '../../src/seller/seller.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { bytes, type Market, openMarket, readAll, until } from './market.ts'
import { NONCE, RawBuyer } from './wire.ts'

const DAY_MS = 86_400_000

/** Both clocks by hand. `pass`: time goes by. `set`: somebody sets the time of day. */
function handClock() {
  let monotonicMs = 0
  let offsetMs = Date.now()
  return {
    nowMs: () => monotonicMs + offsetMs,
    monotonicMs: () => monotonicMs,
    pass: (ms: number) => {
      monotonicMs += ms
    },
    set: (byMs: number) => {
      offsetMs += byMs
    },
  }
}

async function unpaid(clock: ReturnType<typeof handClock>): Promise<{ market: Market; raw: RawBuyer }> {
  const market = await openMarket({ handler: bytes(1024), parts: { clock } })
  return { market, raw: await new RawBuyer(market).agree([2000n], NONCE) }
}

const unpaidOf = async ({ wall }: Market): Promise<number> => (await wall.seller.ledger.countOpen()).unpaid
const codes = (market: Market): string[] =>
  market.events.flatMap((event) => (event.type === 'error' ? [event.error.code] : []))

test('an agreement that nobody pays is forgotten when its time is over', async () => {
  const clock = handClock()
  const { market } = await unpaid(clock)
  clock.pass(FORGOTTEN_AFTER_MS - 1000)
  await market.wall.seller.sweep()
  expect(await unpaidOf(market)).toBe(1)
  clock.pass(60_000)
  await market.wall.seller.sweep()
  expect(await unpaidOf(market)).toBe(0)
  expect(codes(market)).toEqual([])
})

test.each([
  ['forward', DAY_MS],
  ['back', -DAY_MS],
])('a clock that is set %s forgets nothing that may still be paid, and is told once', async (way, byMs) => {
  const clock = handClock()
  const { market, raw } = await unpaid(clock)
  clock.pass(FORGOTTEN_AFTER_MS + 60_000)
  clock.set(byMs)
  await market.wall.seller.sweep()
  expect(await unpaidOf(market), 'not by the new time alone').toBe(1)
  expect(codes(market)).toEqual(['clock-jumped'])
  expect(market.events.find(({ type }) => type === 'error')).toMatchObject({
    error: { message: expect.stringContaining(way), details: { jumpedMs: `${byMs}` } },
  })
  clock.pass(60_000)
  await market.wall.seller.sweep()
  expect(codes(market)).toEqual(['clock-jumped'])
  // A payment that was on its way finds its agreement.
  raw.pay(...raw.deal.invoices)
  expect(await readAll(await raw.use())).toBe(1024)
})

test('a clock that is a little off is no news', async () => {
  const clock = handClock()
  const { market } = await unpaid(clock)
  clock.set(5000)
  await market.wall.seller.sweep()
  clock.set(-5000)
  await market.wall.seller.sweep()
  expect(codes(market)).toEqual([])
})

test('a seller forgets nothing in its first minutes: what was paid while it was down may not have been told yet', async () => {
  const clock = handClock()
  clock.set(DAY_MS)
  const { market } = await unpaid(clock)
  clock.pass(60_000)
  await market.wall.seller.sweep()
  expect(await unpaidOf(market)).toBe(1)
})

test('a payment for an agreement that was forgotten is told to the operator, and to nobody else', async () => {
  const clock = handClock()
  const { market, raw } = await unpaid(clock)
  clock.pass(FORGOTTEN_AFTER_MS + 60_000)
  await market.wall.seller.sweep()
  expect(await unpaidOf(market)).toBe(0)
  raw.pay(...raw.deal.invoices)
  const stray = () => market.events.filter(({ type }) => type === 'stray')
  await until(() => stray().length > 0)
  const { paymentHash } = decodeInvoice(raw.deal.invoices[0]!)
  expect(stray()).toEqual([{ type: 'stray', agreement: raw.deal.agreement.id, paymentHash, amount: 2000n }])
})
