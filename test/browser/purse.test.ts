import { expect, test } from 'vitest'
import { Purse, type PurseOptions } from '../../src/browser/purse.ts'
import { MemoryJournal } from '../../src/ledger/memory/journal.ts'
import { sat, ZERO } from '../../src/money/msat.ts'
import { bytes, type Market, openMarket, readAll, rejection } from '../trade/market.ts'

const KIB = 1024
const open = (options: Partial<Parameters<typeof openMarket>[0]> = {}) =>
  openMarket({ handler: bytes(20 * KIB), price: '1 sat/KiB', ...options })

function purseAt({ nodes }: Market, budget = sat(1000), options: Partial<PurseOptions> = {}): Purse {
  return new Purse({ consent: async () => ({ budget, pay: { node: nodes.buyer } }), ahead: '5 sat', ...options })
}

test('is a fetch that pays after it was allowed to, and gives back what was not used', async () => {
  const market = await open()
  const wishes: string[] = []
  const purse = new Purse({
    ahead: '5 sat',
    consent: async ({ host, ahead, earlier }) => {
      wishes.push(`${host} ${ahead} ${earlier}`)
      expect(market.attempts).toEqual([])
      return { budget: sat(100), pay: { node: market.nodes.buyer } }
    },
  })
  expect(await readAll(await purse.fetch(market.url))).toBe(20 * KIB)
  expect(wishes).toEqual([`${new URL(market.url).host} 5000 undefined`])
  await purse.stop()
  expect(purse.closings).toMatchObject([{ statement: { delivered: sat(20) } }])
  expect(purse.spent).toBe(sat(20))
  expect(purse.state).toBe('stopped')
})

test('pays nothing where it is refused, and asks again', async () => {
  const market = await open()
  let asked = 0
  const purse = new Purse({ consent: async () => void asked++ })
  for (let i = 0; i < 2; i++)
    expect(await rejection(purse.fetch(market.url))).toMatchObject({ code: 'budget-exhausted' })
  expect(asked).toBe(2)
  expect(market.attempts).toEqual([])
})

test('two requests at once are one question', async () => {
  const market = await open()
  let asked = 0
  const purse = new Purse({
    consent: async () => {
      asked++
      return { budget: sat(100), pay: { node: market.nodes.buyer } }
    },
  })
  await Promise.all([1, 2].map(async () => readAll(await purse.fetch(market.url))))
  expect(asked).toBe(1)
  await purse.stop()
})

test('stops at its budget, and goes on with another', async () => {
  const market = await open()
  const purse = purseAt(market, sat(8), { journal: new MemoryJournal() })
  const error = await rejection(purse.fetch(market.url).then(readAll))
  expect(error).toMatchObject({ code: 'budget-exhausted' })
  expect(purse.spent).toBeLessThanOrEqual(sat(8))
  await purse.setBudget(sat(100))
  expect(await readAll(await purse.fetch(market.url))).toBe(20 * KIB)
  await purse.stop()
})

test('a budget that is taken back ends it', async () => {
  const market = await open()
  const purse = purseAt(market)
  await readAll(await purse.fetch(market.url))
  await purse.setBudget(ZERO)
  expect(purse.state).toBe('stopped')
  expect(await rejection(purse.fetch(market.url))).toMatchObject({ name: 'AbortError' })
})

test('pays one seller, and not another that it leads to', async () => {
  const [market, other] = await Promise.all([open(), open()])
  const purse = purseAt(market)
  await readAll(await purse.fetch(market.url))
  expect((await purse.fetch(other.url)).status).toBe(402)
  expect(other.settled).toBe(0n)
  await purse.stop()
})

test('reads nothing while it is paused, and pays no further than its window', async () => {
  const market = await open({ handler: bytes(200 * KIB) })
  const purse = purseAt(market)
  const reader = (await purse.fetch(market.url)).body!.getReader()
  await reader.read()
  purse.pause()
  const next = reader.read()
  const first = await Promise.race([
    next.then(() => 'read'),
    new Promise((resolve) => setTimeout(resolve, 200, 'held')),
  ])
  expect(first).toBe('held')
  for (const { paid, inFlight, received, ahead } of purse.trades) {
    expect(paid + inFlight - received).toBeLessThanOrEqual(ahead)
  }
  purse.resume()
  expect((await next).done).toBe(false)
  await reader.cancel()
  await purse.stop()
})
