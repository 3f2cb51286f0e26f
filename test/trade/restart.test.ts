import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { RETURN_PACE } from '../../src/seller/returns.ts'
import { bytes, openMarket, readAll, sleep, until } from './market.ts'
import { RawBuyer } from './wire.ts'

const KIB = 1024
const secret = new Uint8Array(32).fill(7)
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The same buyer, agreement and credential before a seller that was started anew. */
function move(raw: RawBuyer, market: RawBuyer['market']): RawBuyer {
  const moved = new RawBuyer(market)
  moved.challenge = raw.challenge
  moved.deal = raw.deal
  return moved
}

describe('a seller that starts again with its ledger', () => {
  test('goes on with every agreement where it stood, delivered and paid', async () => {
    const path = join(folder, 'ledger.db')
    const before = openLedger(path)
    const first = await openMarket({ handler: bytes(3 * KIB), ledger: before, secret, credit: '2 sat' })
    const raw = await new RawBuyer(first).agree([5000n])
    raw.pay(...raw.deal.invoices)
    expect(await readAll(await raw.use())).toBe(3 * KIB)
    const { sequence } = first.account.statement()
    await first.close()
    await before.end()

    const after = openLedger(path)
    const second = await openMarket({
      handler: bytes(3 * KIB),
      ledger: after,
      secret,
      credit: '2 sat',
      nodes: first.nodes,
    })
    const moved = move(raw, second)
    expect(await readAll(await moved.use())).toBe(3 * KIB)
    const { gate } = second.account
    expect(gate.paid).toBe(5000n)
    expect(gate.deliveredSteps).toBe(BigInt(6 * KIB))
    expect(second.account.statement().sequence).toBeGreaterThan(sequence)
    await second.close()
    await after.end()
  })

  test('books what was paid while it was down, once, from its node’s own record', async () => {
    const path = join(folder, 'ledger.db')
    const before = openLedger(path)
    const first = await openMarket({ handler: bytes(2 * KIB), ledger: before, secret })
    const raw = await new RawBuyer(first).agree([1000n, 2000n, 3000n])
    const [one, two, three] = raw.deal.invoices
    raw.pay(one!)
    await until(() => first.account.gate.paid === 1000n)
    await first.close()
    await before.end()
    raw.pay(two!, three!)

    for (let restart = 0; restart < 2; restart++) {
      const after = openLedger(path)
      const market = await openMarket({ handler: bytes(2 * KIB), ledger: after, secret, nodes: first.nodes })
      const paid = async () => (await after.getAgreement(raw.deal.agreement.id))?.paid
      for (let i = 0; i < 500 && (await paid()) !== 6000n; i++) await sleep(10)
      expect(await paid()).toBe(6000n)
      expect(await after.settlementIndex()).toBe(3n)
      if (restart > 0) expect(await readAll(await move(raw, market).use())).toBe(2 * KIB)
      await market.close()
      await after.end()
    }
  })

  test('that was killed knows of every payment, and is out by no more than its credit', async () => {
    const path = join(folder, 'ledger.db')
    const first = await openMarket({ handler: bytes(4 * KIB), ledger: openLedger(path), secret, credit: '2 sat' })
    const raw = await new RawBuyer(first).agree([4000n])
    raw.pay(...raw.deal.invoices)
    expect(await readAll(await raw.use())).toBe(4 * KIB)
    // A copy is the file as a killed process leaves it.
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, `${path}.copy${suffix}`)
    const after = openLedger(`${path}.copy`)
    const record = (await after.getAgreement(raw.deal.agreement.id))!
    expect(record.paid).toBe(4000n)
    const delivered = BigInt(4 * KIB)
    expect(record.deliveredSteps).toBeLessThanOrEqual(delivered)
    expect(record.leasedSteps).toBeGreaterThanOrEqual(delivered)
    expect(record.leasedSteps - record.deliveredSteps).toBeLessThanOrEqual(BigInt(6 * KIB))
    await after.end()
  })

  test('follows the returns it left open to their end', async () => {
    const path = join(folder, 'ledger.db')
    const before = openLedger(path)
    const parts = { returnPace: { ...RETURN_PACE, answerMs: 50 } }
    const first = await openMarket({ handler: bytes(KIB), ledger: before, secret, parts })
    const raw = await new RawBuyer(first).agree([9000n])
    raw.pay(...raw.deal.invoices)
    await readAll(await raw.use())
    await raw.send({ action: 'close', ...raw.proof })
    first.nodes.seller.script = () => ({ status: 'unknown', detail: '' })
    const [invoice] = await first.nodes.buyer.createInvoices([
      { amount: 8000n as never, description: 'return', expiresInSeconds: 600 },
    ])
    await raw.send({ action: 'return', ...raw.proof, invoice: invoice!.request })
    expect(await before.pendingReturns()).toHaveLength(1)
    await first.close()
    await before.end()
    first.nodes.seller.settle(invoice!.paymentHash, 8000n as never)

    const after = openLedger(path)
    const second = await openMarket({ handler: bytes(KIB), ledger: after, secret, nodes: first.nodes })
    await second.wall.seller.ready()
    for (let i = 0; i < 200 && (await after.pendingReturns()).length > 0; i++) await sleep(10)
    expect(await after.pendingReturns()).toEqual([])
    expect(first.nodes.buyer.settlements).toHaveLength(1)
    await second.close()
    await after.end()
  })
})

test('an account that left the memory comes back with what it delivered', async () => {
  const market = await openMarket({
    price: '1 sat/request',
    credit: '3 sat',
    graceMs: 50,
    handler: () => new Response('x'),
  })
  const raw = await new RawBuyer(market).agree()
  for (let i = 0; i < 3; i++) expect((await raw.use()).status).toBe(200)
  const { accounts } = market.wall.seller
  await accounts.sweep(Date.now() + 3_600_000)
  expect(accounts.inMemory.size).toBe(0)
  // Its credit was used up before: forgetting that would give it out again every time.
  expect((await raw.use()).status).toBe(402)
})
