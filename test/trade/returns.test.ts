import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { OutgoingPayment, PaymentOutcome } from '../../src/lightning/node.ts'
import { systemClock } from '../../src/seller/clock.ts'
import { RETURN_PACE } from '../../src/seller/returns.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { bytes, type Market, type MarketOptions, openMarket, readAll, sleep, until } from './market.ts'
import { codeOf, RawBuyer } from './wire.ts'

const KIB = 1024
const secret = new Uint8Array(32).fill(9)
/** As in life, and faster. */
const pace = { ...RETURN_PACE, firstDelayMs: 10, longestDelayMs: 80, longestLookMs: 40, answerMs: 2000 }
const noRoute = { status: 'failed', reason: 'no-route', detail: '' } as const
const unknown = { status: 'unknown', detail: '' } as const

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'returns-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** An agreement that was paid 9 sat and used for one, before a seller of this make. */
async function paidAndClosed(options: Partial<MarketOptions> = {}): Promise<{ market: Market; raw: RawBuyer }> {
  const market = await openMarket({ handler: bytes(KIB), secret, parts: { returnPace: pace }, ...options })
  const raw = await new RawBuyer(market).agree([9000n])
  raw.pay(...raw.deal.invoices)
  await readAll(await raw.use())
  expect((await raw.send({ action: 'close', ...raw.proof })).status).toBe(200)
  return { market, raw }
}

async function invoiceFor({ nodes }: Market, amount: bigint, expiresInSeconds = 600): Promise<string> {
  const [invoice] = await nodes.buyer.createInvoices([
    { amount: amount as never, description: 'return', expiresInSeconds },
  ])
  return invoice!.request
}

const ask = async (raw: RawBuyer, invoice: string): Promise<unknown> =>
  (await raw.send({ action: 'return', ...raw.proof, invoice })).json()

/** Every payment of the seller's node, and every look at one, in order. */
function watched({ nodes: { seller } }: Market): string[] {
  const asked: string[] = []
  const [pay, look] = [seller.pay.bind(seller), seller.lookupPayment.bind(seller)]
  seller.pay = (payment) => {
    asked.push('pay')
    return pay(payment)
  }
  seller.lookupPayment = (hash) => {
    asked.push('look')
    return look(hash)
  }
  return asked
}

const kinds = (market: Market): string[] =>
  market.events.map(({ type }) => type).filter((type) => type.startsWith('return'))
const arrived = ({ nodes }: Market): bigint[] => nodes.buyer.settlements.map(({ amount }) => amount)

describe('a return', () => {
  test('that fails twice is tried again until it settles, each time after asking the node', async () => {
    const { market, raw } = await paidAndClosed()
    const asked = watched(market)
    market.nodes.seller.script = (_, number) => (number < 2 ? noRoute : undefined)
    const answer = await ask(raw, await invoiceFor(market, 8000n))
    expect(answer).toMatchObject({ status: 'settled', statement: { returned: '8000', balance: '0' } })
    expect(asked).toEqual(['pay', 'look', 'pay', 'look', 'pay'])
    expect(arrived(market)).toEqual([8000n])
    await until(() => kinds(market).length === 3)
    expect(kinds(market)).toEqual(['return-delayed', 'return-delayed', 'returned'])
    expect(market.events.find(({ type }) => type === 'return-delayed')).toMatchObject({
      claim: { amount: 8000n, failure: 'no-route', attempts: 1 },
    })
    expect(await market.wall.seller.ledger.pendingReturns()).toEqual([])
  })

  test('is no dust, and not tried for ever', async () => {
    const { market, raw } = await paidAndClosed()
    const week = 7 * 24 * 3600
    for (const invoice of [await invoiceFor(market, 999n), await invoiceFor(market, 1000n, week + 60)]) {
      expect(await codeOf(await raw.send({ action: 'return', ...raw.proof, invoice }))).toBe('return-invalid')
    }
    expect(await ask(raw, await invoiceFor(market, 1000n, week - 60))).toMatchObject({ status: 'settled' })
  })

  test('of unknown outcome is looked at and not sent again, and found when it settles', async () => {
    const { market, raw } = await paidAndClosed()
    const asked = watched(market)
    market.nodes.seller.script = () => unknown
    const invoice = await invoiceFor(market, 8000n)
    const asking = ask(raw, invoice)
    await until(() => asked.length > 4)
    expect(asked.filter((what) => what === 'pay')).toHaveLength(1)
    // Somebody else cannot have the money meanwhile.
    expect(
      await codeOf(await raw.send({ action: 'return', ...raw.proof, invoice: await invoiceFor(market, 1n) })),
    ).toBe('return-invalid')
    market.nodes.seller.settle(decodeInvoice(invoice).paymentHash, 8000n as never)
    expect(await asking).toMatchObject({ status: 'settled' })
    expect(arrived(market)).toEqual([8000n])
    expect(kinds(market)).toEqual(['return-delayed', 'returned'])
  })

  test('that takes longer is pending; the same invoice again tells how it stands, and pays nothing', async () => {
    const { market, raw } = await paidAndClosed({ parts: { returnPace: { ...pace, answerMs: 30 } } })
    market.nodes.seller.script = () => noRoute
    const invoice = await invoiceFor(market, 8000n)
    const pending = { status: 'pending', reason: 'no-route', statement: { returned: '8000', balance: '0' } }
    for (let i = 0; i < 3; i++) expect(await ask(raw, invoice)).toMatchObject(pending)
    expect(market.wall.seller.debts).toMatchObject({ amount: 8000n, agreements: 1, claims: [{ failure: 'no-route' }] })
    market.nodes.seller.script = () => undefined
    await until(() => arrived(market).length === 1)
    await until(() => market.wall.seller.debts.claims.length === 0)
    for (let i = 0; i < 3; i++) expect(await ask(raw, invoice)).toMatchObject({ status: 'settled' })
    expect(arrived(market)).toEqual([8000n])
  })

  test('asked for many times at once with one invoice is one claim', async () => {
    const { market, raw } = await paidAndClosed()
    market.nodes.seller.latencyMs = 30
    const invoice = await invoiceFor(market, 8000n)
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(raw, invoice)))
    for (const answer of answers) expect(answer).toMatchObject({ status: 'settled' })
    expect(arrived(market)).toEqual([8000n])
  })

  test('whose invoice expires unpaid fails, and the buyer asks with a fresh one', async () => {
    let aheadMs = 0
    const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs }
    const { market, raw } = await paidAndClosed({ parts: { returnPace: pace, clock } })
    market.nodes.seller.script = () => noRoute
    const asking = ask(raw, await invoiceFor(market, 8000n, 600))
    await until(() => kinds(market).length >= 2)
    // Expired, but within the margin: a node whose clock is late might still pay it.
    aheadMs = 620_000
    await sleep(200)
    expect(kinds(market)).not.toContain('return-failed')
    aheadMs = 661_000
    expect(await asking).toMatchObject({ status: 'failed', statement: { returned: '0', balance: '8000' } })
    await until(() => kinds(market).includes('return-failed'))
    aheadMs = 0
    market.nodes.seller.script = () => undefined
    expect(await ask(raw, await invoiceFor(market, 8000n))).toMatchObject({ status: 'settled' })
    expect(arrived(market)).toEqual([8000n])
  }, 30_000)

  test('whose invoice expires while a payment is in flight does not fail before the node says so', async () => {
    let aheadMs = 0
    const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs }
    const { market, raw } = await paidAndClosed({ parts: { returnPace: pace, clock } })
    market.nodes.seller.script = () => unknown
    const asked = watched(market)
    const invoice = await invoiceFor(market, 8000n)
    const asking = ask(raw, invoice)
    await until(() => asked.length > 1)
    aheadMs = 3_600_000
    const looks = asked.length
    await until(() => asked.length > looks + 3)
    expect(kinds(market)).toEqual(['return-delayed'])
    market.nodes.seller.settle(decodeInvoice(invoice).paymentHash, 8000n as never)
    expect(await asking).toMatchObject({ status: 'settled' })
  })

  test('that the node refuses for its invoice fails at once', async () => {
    const { market, raw } = await paidAndClosed()
    market.nodes.seller.script = () => ({ status: 'failed', reason: 'invoice-invalid', detail: '' })
    const answer = await ask(raw, await invoiceFor(market, 8000n))
    expect(answer).toMatchObject({ status: 'failed', reason: 'invoice-invalid', statement: { balance: '8000' } })
    await until(() => kinds(market).length === 1)
    expect(kinds(market)).toEqual(['return-failed'])
  })

  test('to another agreement’s invoice is refused, with nothing said of that one', async () => {
    const { market, raw } = await paidAndClosed()
    const other = await new RawBuyer(market).agree([9000n], 'ab'.repeat(16))
    other.pay(...other.deal.invoices)
    await readAll(await other.use())
    await other.send({ action: 'close', ...other.proof })
    const invoice = await invoiceFor(market, 8000n)
    expect(await ask(raw, invoice)).toMatchObject({ status: 'settled' })
    expect(await ask(other, invoice)).toMatchObject({ code: 'return-invalid', balance: '8000' })
  })

  test('of what settled after the close is paid by a further one', async () => {
    const { market, raw } = await paidAndClosed()
    const late = await new RawBuyer(market).agree([5000n, 2000n], 'cd'.repeat(16))
    late.pay(late.deal.invoices[0]!)
    await until(() => [...market.accounts].some(({ gate }) => gate.paid === 5000n))
    await late.send({ action: 'close', ...late.proof })
    expect(await ask(late, await invoiceFor(market, 5000n))).toMatchObject({ status: 'settled' })
    late.pay(late.deal.invoices[1]!)
    await until(() => [...market.accounts].some(({ gate }) => gate.paid === 7000n))
    expect(await ask(late, await invoiceFor(market, 2000n))).toMatchObject({ status: 'settled' })
    expect(await ask(raw, await invoiceFor(market, 8000n))).toMatchObject({ status: 'settled' })
    expect(arrived(market)).toEqual([5000n, 2000n, 8000n])
  })

  test('needs a close that was signed: an agreement that could open again keeps its money', async () => {
    const market = await openMarket({ handler: bytes(KIB), parts: { returnPace: pace } })
    const raw = await new RawBuyer(market).agree([9000n])
    raw.pay(...raw.deal.invoices)
    await readAll(await raw.use())
    const sign = market.nodes.seller.signMessage.bind(market.nodes.seller)
    market.nodes.seller.signMessage = () => Promise.reject(new Error('the node is down'))
    expect((await raw.send({ action: 'close', ...raw.proof })).status).toBe(500)
    expect(await ask(raw, await invoiceFor(market, 8000n))).toMatchObject({ code: 'return-invalid' })
    market.nodes.seller.signMessage = sign
    expect((await raw.send({ action: 'close', ...raw.proof })).status).toBe(200)
    expect(await ask(raw, await invoiceFor(market, 8000n))).toMatchObject({ status: 'settled' })
  })

  test('is asked for at a bounded rate on one agreement', async () => {
    const { market, raw } = await paidAndClosed()
    market.nodes.seller.script = () => ({ status: 'failed', reason: 'invoice-invalid', detail: '' })
    let last: Response | undefined
    for (let i = 0; i < 17; i++) {
      last = await raw.send({ action: 'return', ...raw.proof, invoice: await invoiceFor(market, 8000n) })
    }
    expect(last?.status).toBe(429)
    const seconds = Number(last?.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(50)
    expect(seconds).toBeLessThanOrEqual(60)
    expect(await codeOf(last!)).toBe('rate-limited')
  })
})

describe('a seller that is killed', () => {
  /** What a killed process leaves of its ledger at this moment, and what a new one reads. */
  function leftBehind(path: string): Ledger {
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, `${path}.left${suffix}`)
    return openLedger(`${path}.left`)
  }

  const moments: ReadonlyArray<readonly [string, (hash: string, market: Market) => PaymentOutcome | undefined]> = [
    ['before it handed the payment to its node', () => undefined],
    ['while its node paid, which settled', (hash, { nodes }) => nodes.seller.settle(hash, 8000n as never)],
    ['while its node paid, which failed', () => noRoute],
    ['while its node paid, which still does', () => ({ status: 'pending' })],
  ]

  test.each(moments)('%s: the next one pays once', async (_, become) => {
    const path = join(folder, 'ledger.db')
    const before = openLedger(path)
    const { market: first, raw } = await paidAndClosed({ ledger: before })
    const { seller } = first.nodes
    let left: Ledger | undefined
    // The kill: what the ledger holds when the node is asked is all that the next process knows.
    seller.script = async ({ request }: OutgoingPayment) => {
      left = leftBehind(path)
      const { paymentHash } = decodeInvoice(request)
      const outcome = become(paymentHash, first)
      if (outcome) seller.outcomes.set(paymentHash, outcome)
      else seller.outcomes.delete(paymentHash)
      return new Promise(() => {})
    }
    const invoice = await invoiceFor(first, 8000n)
    const asking = ask(raw, invoice).catch(() => undefined)
    await until(() => left !== undefined)
    await first.close()
    await asking
    await before.end()

    seller.script = () => undefined
    const second = await openMarket({
      handler: bytes(KIB),
      ledger: left!,
      secret,
      nodes: first.nodes,
      parts: { returnPace: pace },
    })
    await second.wall.seller.ready()
    expect(second.events.find(({ type }) => type === 'owed')).toMatchObject({
      debts: { amount: 8000n, agreements: 1, claims: [{ amount: 8000n }] },
    })
    if (seller.outcomes.get(decodeInvoice(invoice).paymentHash)?.status === 'pending') {
      await sleep(100)
      expect(second.wall.seller.debts.claims).toMatchObject([{ failure: 'in-flight' }])
      seller.settle(decodeInvoice(invoice).paymentHash, 8000n as never)
    }
    await until(() => second.wall.seller.debts.claims.length === 0)
    expect(arrived(second)).toEqual([8000n])
    const moved = new RawBuyer(second)
    moved.challenge = raw.challenge
    moved.deal = raw.deal
    expect(await ask(moved, invoice)).toMatchObject({ status: 'settled', statement: { returned: '8000' } })
    expect(arrived(second)).toEqual([8000n])
    await second.close()
    await left!.end()
  })

  test('waits as long as it had to, not from the start, and no longer than ever when its clock was set', async () => {
    const path = join(folder, 'ledger.db')
    const before = openLedger(path)
    const { market: first, raw } = await paidAndClosed({
      ledger: before,
      parts: { returnPace: { ...pace, firstDelayMs: 600, longestDelayMs: 600, answerMs: 20 } },
    })
    first.nodes.seller.script = () => noRoute
    await ask(raw, await invoiceFor(first, 8000n))
    const [claim] = await before.pendingReturns()
    expect(claim).toMatchObject({ attempts: 1, failure: 'no-route' })
    await before.delayReturn(claim!.paymentHash, { attempts: 1, nextAttemptMs: 9e12, failure: 'no-route' })
    await first.close()
    await before.end()

    const after = openLedger(path)
    first.nodes.seller.script = () => undefined
    const second = await openMarket({
      handler: bytes(KIB),
      ledger: after,
      secret,
      nodes: first.nodes,
      parts: { returnPace: { ...pace, longestDelayMs: 50 } },
    })
    await until(() => arrived(second).length === 1)
    await until(() => second.wall.seller.debts.claims.length === 0)
    await second.close()
    await after.end()
  })
})

test('routing of all returns together costs no more than the seller allows; then they go where it is free', async () => {
  const limits = { returnFees: { burst: 1500, perSecond: 0 } }
  const { market, raw } = await paidAndClosed({ limits })
  const caps: bigint[] = []
  market.nodes.seller.script = async ({ maxFee, request }) => {
    caps.push(maxFee)
    const { paymentHash, amount } = decodeInvoice(request)
    const settled = market.nodes.seller.settle(paymentHash, amount!)
    // The one route there is takes all that it may.
    return settled.status === 'settled' ? { ...settled, fee: maxFee } : settled
  }
  for (let i = 0; i < 3; i++) {
    expect(await ask(raw, await invoiceFor(market, 2000n))).toMatchObject({ status: 'settled' })
  }
  expect(caps).toEqual([1010n, 490n, 0n])
})
