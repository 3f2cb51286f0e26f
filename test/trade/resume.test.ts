import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { recover } from '../../src/buyer/journal/recover.ts'
import { type Journal, openJournal } from '../../src/ledger/index.ts'
import type { PaymentOutcome } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { bytes, type Market, openMarket, readAll, rejection, Source, until } from './market.ts'

const KIB = 1024
let folder: string
const journals: Journal[] = []
const hanging: Array<(outcome: PaymentOutcome) => void> = []
/** A node that took a payment and never says what became of it. */
const hang = () => new Promise<PaymentOutcome>((resolve) => hanging.push(resolve))
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
})
afterEach(async () => {
  for (const release of hanging.splice(0)) release({ status: 'unknown', detail: 'scripted' })
  for (const journal of journals.splice(0)) await journal.end()
  rmSync(folder, { recursive: true, force: true })
})

/** Opens the journal as a process does that starts. */
function open(): Journal {
  const journal = openJournal(join(folder, 'journal.db'))
  journals.push(journal)
  return journal
}

/** What is left of a process that was killed: its file. */
const kill = (journal: Journal): Promise<void> => journal.end()

async function readSome(market: Market, journal: Journal, atLeast: number, path = '/'): Promise<void> {
  const reader = (await market.buyer({ journal }).fetch(market.url + path)).body!.getReader()
  for (let got = 0; got < atLeast; ) got += (await reader.read()).value!.length
}

const slow = () => new Response(new Source(400 * KIB).body)

describe('a buyer that starts again with its journal', () => {
  test('takes up the agreement that it kept, with its balance', async () => {
    const market = await openMarket({ handler: bytes(4 * KIB) })
    const first = open()
    const before = market.buyer({ journal: first })
    await readAll(await before.fetch(market.url))
    await before.close({ keep: true })
    const { paid } = before.trades[0]!
    await kill(first)

    const after = market.buyer({ journal: open() })
    expect(await readAll(await after.fetch(market.url))).toBe(4 * KIB)
    expect(market.accounts.size, 'one agreement for both').toBe(1)
    const [trade] = after.trades
    expect(trade).toMatchObject({ agreement: before.trades[0]!.agreement, resumed: true, steps: BigInt(8 * KIB) })
    expect(trade!.paid).toBeGreaterThanOrEqual(paid)
    const [closing] = await after.close()
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement).toMatchObject({ delivered: 8000n, paid: market.settled })
  })

  test('also one that a killed run left, whose reader had not taken all that was paid', async () => {
    const market = await openMarket({ handler: slow, graceMs: 20_000 })
    const first = open()
    await readSome(market, first, 20 * KIB)
    await kill(first)

    const second = open()
    const after = market.buyer({ journal: second })
    const reader = (await after.fetch(market.url)).body!.getReader()
    expect((await reader.read()).value!.length).toBeGreaterThan(0)
    await reader.cancel()
    const closings = await after.close()
    expect(closings.map(({ dispute }) => dispute)).toEqual(closings.map(() => undefined))
    expect(await second.agreements('open')).toEqual([])
    const kept = closings.reduce((sum, { statement }) => sum + statement.delivered, 0n)
    const back = closings.reduce((sum, { returned, amount }) => sum + (returned === 'settled' ? amount : 0n), 0n)
    expect(market.settled - kept - back, 'less than a sat stays, for each agreement').toBeLessThan(2000n)
  })

  test('follows payments whose outcome the killed run did not learn, and pays none of them twice', async () => {
    const market = await openMarket({ handler: slow, graceMs: 20_000 })
    const first = open()
    // The node never answers: the run is killed while it waits.
    market.script = (_, number) => (number < 2 ? undefined : hang())
    const reading = readSome(market, first, 20 * KIB).catch(() => {})
    await until(() => market.attempts.length >= 3)
    await kill(first)
    const open1 = open()
    const pending = await open1.payments({ open: true })
    expect(pending.length).toBeGreaterThan(0)

    // It had settled all the same.
    for (const { request } of pending) {
      const { paymentHash, amount } = decodeInvoice(request)
      market.nodes.buyer.settle(paymentHash, amount!)
    }
    market.script = () => undefined
    const after = market.buyer({ journal: open1 })
    const reader = (await after.fetch(market.url)).body!.getReader()
    await reader.read()
    await until(() => after.trades.every(({ inFlight }) => inFlight === 0n), 'followed to their end')
    await reader.cancel()
    const closings = await after.close()
    expect(closings.every(({ dispute }) => dispute === undefined)).toBe(true)
    expect(await open1.payments({ open: true })).toEqual([])
    const paid = (await open1.payments()).filter(({ status }) => status === 'settled')
    expect(paid.reduce((sum, { amount }) => sum + amount, 0n)).toBe(market.settled)
    void reading
  })

  test('leaves alone what another process holds', async () => {
    const market = await openMarket({ handler: slow, graceMs: 20_000 })
    await readSome(market, open(), 5 * KIB)
    const other = market.buyer({ journal: open() })
    await (await other.fetch(market.url)).body!.cancel()
    expect(market.accounts.size).toBe(2)
    expect(other.trades[0]).toMatchObject({ resumed: false })
  })

  test('does not go on at a price that it accepts no more', async () => {
    const market = await openMarket({ handler: bytes(4 * KIB), price: '1 sat/KiB' })
    const first = open()
    const before = market.buyer({ journal: first })
    await readAll(await before.fetch(market.url))
    await before.close({ keep: true })
    await kill(first)
    const after = market.buyer({ journal: open(), maxPrice: '0.5 sat/KiB' })
    expect(await rejection(after.fetch(market.url))).toMatchObject({ code: 'price-too-high' })
  })

  test('closes one whose window is half lost, and makes another', async () => {
    const market = await openMarket({ handler: slow, graceMs: 20_000 })
    const first = open()
    const before = market.buyer({ journal: first, ahead: '8 sat' })
    const reader = (await before.fetch(market.url)).body!.getReader()
    await reader.read()
    // All that the window holds leaves the seller and is never read.
    await until(() => market.account.gate.delivered - before.trades[0]!.received >= 5000n)
    const lost = market.account.gate.delivered - before.trades[0]!.received
    expect(lost * 2n, 'or there is nothing to show').toBeGreaterThanOrEqual(8000n)
    await kill(first)
    const after = market.buyer({ journal: open(), ahead: '8 sat' })
    await (await after.fetch(market.url)).body!.cancel()
    const agreements = new Set([...market.accounts].map(({ agreement }) => agreement.id))
    expect(agreements.size).toBe(2)
    const closings = await after.close()
    expect(closings).toHaveLength(agreements.size)
    expect(closings.every(({ dispute }) => dispute === undefined)).toBe(true)
  })
})

describe('recover', () => {
  const options = (market: Market, journal: Journal) => ({ node: market.nodes.buyer, journal, withinMs: 2000 })

  test('settles the journal with what the node says of each payment', async () => {
    const market = await openMarket({ handler: slow, graceMs: 20_000 })
    const first = open()
    market.script = (_, number) => (number < 2 ? undefined : hang())
    const reading = readSome(market, first, 20 * KIB).catch(() => {})
    await until(() => market.attempts.length >= 4)
    await kill(first)
    const [settled, failed] = market.attempts.slice(2).map((request) => decodeInvoice(request))
    market.nodes.buyer.settle(settled!.paymentHash, settled!.amount!)
    const failure = { status: 'failed', reason: 'no-route', detail: '' } as const
    market.nodes.buyer.outcomes.set(failed!.paymentHash, failure)

    const journal = open()
    const { payments } = await recover(options(market, journal))
    const states = new Map(payments.map(({ payment, now }) => [payment.paymentHash, now]))
    expect(states.get(settled!.paymentHash)).toBe('settled')
    expect(states.get(failed!.paymentHash)).toBe('failed')
    // Just written, and the node has never heard of it: it may have been on its way. It counts on.
    expect([...states.values()].filter((now) => now === 'open')).toHaveLength(payments.length - 2)
    expect((await journal.payments({ open: true })).length).toBe(payments.length - 2)
    const now = (await journal.payments()).find(({ paymentHash }) => paymentHash === settled!.paymentHash)
    expect(now).toMatchObject({
      status: 'settled',
      preimage: market.nodes.seller.preimages.get(settled!.paymentHash),
    })
    void reading
  })

  test('does not judge a payment that another node was asked to make', async () => {
    const market = await openMarket({ handler: slow, graceMs: 20_000 })
    const first = open()
    market.script = hang
    const reading = readSome(market, first, 20 * KIB).catch(() => {})
    await until(() => market.attempts.length >= 1)
    await kill(first)
    const journal = open()
    const { payments } = await recover({ ...options(market, journal), node: market.nodes.seller })
    expect(payments.map(({ now }) => now)).toEqual(payments.map(() => 'elsewhere'))
    expect(payments.length).toBeGreaterThan(0)
    expect(await journal.payments({ open: true })).toHaveLength(payments.length)
    void reading
  })

  test('closes what was left open, once it is told to, and takes the balance back', async () => {
    const market = await openMarket({ handler: bytes(1000), price: '1 sat/KiB' })
    const first = open()
    const before = market.buyer({ journal: first })
    await readAll(await before.fetch(market.url))
    await before.close({ keep: true })
    await kill(first)
    const journal = open()
    const left = await recover(options(market, journal))
    expect(left.agreements).toMatchObject([{ now: 'open' }])
    const { agreements } = await recover({ ...options(market, journal), close: true })
    expect(agreements).toMatchObject([{ now: 'closed', returned: expect.stringMatching(/settled|kept/) }])
    expect((await recover({ ...options(market, journal), close: true })).agreements).toEqual([])
    expect(await journal.agreements('open')).toEqual([])
  })

  test('asks again for a return that did not arrive, and is not paid twice', async () => {
    const market = await openMarket({ handler: bytes(700), price: '10 sat/KiB', smallestPayment: sat(10) })
    market.nodes.seller.script = () => ({ status: 'unknown', detail: 'scripted' })
    const first = open()
    const buyer = market.buyer({ journal: first, ahead: '40 sat' })
    await readAll(await buyer.fetch(`${market.url}/a`))
    const [closing] = await buyer.close()
    expect(closing!.returned).toBe('pending')
    await kill(first)

    // The payment back arrives while nobody listens.
    const journal = open()
    const [owed] = await journal.agreements('closed')
    const [back] = owed!.returns
    market.nodes.seller.settle(decodeInvoice(back!.invoice).paymentHash, back!.amount)
    expect((await recover(options(market, journal))).agreements).toMatchObject([{ now: 'closed', returned: 'settled' }])
    expect((await journal.agreements('closed'))[0]).toMatchObject({ returns: [{ status: 'settled' }] })
    expect(market.nodes.buyer.settlements).toHaveLength(1)
  })

  test('asks back what settled after the close, besides what came back at it', async () => {
    const market = await openMarket({ handler: bytes(700), price: '10 sat/KiB', smallestPayment: sat(10) })
    const journal = open()
    // One payment has no outcome until the agreement is closed.
    market.script = (_, number) => (number === 1 ? { status: 'unknown', detail: 'scripted' } : undefined)
    const buyer = market.buyer({ journal, ahead: '40 sat' })
    for (let i = 0; i < 3; i++) await readAll(await buyer.fetch(market.url))
    await buyer.close()
    const [late] = await journal.payments({ open: true })
    const before = market.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    market.nodes.buyer.settle(late!.paymentHash, late!.amount)
    await until(() => market.account.gate.paid === market.settled)
    const { payments, agreements } = await recover(options(market, journal))
    expect(payments).toMatchObject([{ now: 'settled' }])
    expect(agreements).toMatchObject([{ now: 'closed', returned: 'settled' }])
    const back = market.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    expect(back - before).toBe(late!.amount)
    expect((await recover(options(market, journal))).agreements).toEqual([])
    const [closed] = await journal.agreements('closed')
    expect(closed!.returns.every(({ status }) => status === 'settled')).toBe(true)
  })

  test('a seller that says it paid back, and did not, is not believed', async () => {
    const market = await openMarket({
      handler: bytes(700),
      price: '10 sat/KiB',
      smallestPayment: sat(10),
      tamper: (handler) => async (request) => {
        const response = await handler(request)
        const text = await response.clone().text()
        return text.includes('"pending"') ? Response.json({ ...JSON.parse(text), status: 'settled' }) : response
      },
    })
    market.nodes.seller.script = () => ({ status: 'unknown', detail: 'scripted' })
    const buyer = market.buyer({ journal: open(), ahead: '40 sat' })
    await readAll(await buyer.fetch(market.url))
    const [closing] = await buyer.close()
    expect(closing!.returned).toBe('pending')
    expect(buyer.trades[0]!.returned).toBe(0n)
  })
})
