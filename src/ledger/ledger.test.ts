import path from 'node:path'
import { expect, test } from 'vitest'
import { ZERO } from '../money/msat.ts'
import { openLedger } from './index.ts'
import { ledgerContract } from './ledger.contract.ts'
import { MAX_FORGOTTEN } from './ledger.ts'
import { Database } from './sqlite/database.ts'
import { MIGRATIONS } from './sqlite/ledgerTables.ts'
import { agreement, hash, id, invoice, settlement } from './testing/samples.ts'
import { temporaryFolder } from './testing/temporary.ts'

const folder = temporaryFolder()
let files = 0
const newFile = (): string => path.join(folder(), `ledger-${files++}.db`)

ledgerContract('a ledger in memory', () => openLedger(':memory:'))
ledgerContract('a ledger in SQLite', () => openLedger(newFile()))

test('everything is there when the file is opened again', async () => {
  const file = newFile()
  const first = openLedger(file)
  await first.addAgreement(agreement(1), 1, [invoice(1), invoice(2)])
  await first.settle(settlement(1, 9000n))
  await first.lease(id(1), 10n, 1000n)
  await first.addReturn({
    agreementId: id(1),
    paymentHash: hash(5),
    request: 'lnbcrt5',
    amount: settlement(1, 8n).amount,
    expiresAtMs: 1,
  })
  expect(await first.countStart()).toBe(1n)
  const before = await first.getAgreement(id(1))
  await first.end()

  const second = openLedger(file)
  expect(await second.getAgreement(id(1))).toEqual(before)
  expect(await second.settlementIndex()).toBe(1n)
  expect(await second.countStart()).toBe(2n)
  expect(await second.countOpenInvoices(id(1), 0)).toBe(1)
  expect(await second.pendingReturns()).toMatchObject([{ paymentHash: hash(5), amount: 8n }])
  await second.end()
})

test('a file in use is refused to another, and free again afterwards', async () => {
  const file = newFile()
  const first = openLedger(file)
  expect(() => openLedger(file)).toThrow(/another process uses it/)
  await first.addAgreement(agreement(1), 1, [])
  await first.end()
  await first.end()
  await expect(first.settlementIndex()).rejects.toMatchObject({ code: 'ledger-failed' })
  await openLedger(file).end()
})

test('a file of the first version is taken over: a return that it left open has no invoice to be paid any more', async () => {
  const file = newFile()
  const old = new Database({ path: file, exclusive: true, durable: 'later', migrations: MIGRATIONS.slice(0, 1) })
  const rows = old.prepare({
    agreement: `INSERT INTO agreements (id, unit, price_msat, price_per, credit_start, credit_max, credit_ramp, smallest_payment,
      network, payee, scope, expires_at_ms, created_at_ms, paid, returned)
      VALUES ('${id(1)}', 'byte', 1, 1, 0, 0, 0, 1000, 'regtest', '02', '/', 9, 1, 9000, 8000)`,
    claim: `INSERT INTO returns VALUES ('${hash(1)}', '${id(1)}', 'lnbcrt', 8000, 'pending', 0)`,
  })
  rows.agreement.run()
  rows.claim.run()
  old.close()
  const ledger = openLedger(file)
  expect(await ledger.pendingReturns()).toEqual([
    {
      agreementId: id(1),
      paymentHash: hash(1),
      request: 'lnbcrt',
      amount: 8000n,
      expiresAtMs: 0,
      status: 'pending',
      fee: 0n,
      attempts: 0,
      nextAttemptMs: 0,
    },
  ])
  await ledger.endReturn(hash(1), 'failed', ZERO)
  expect(await ledger.getAgreement(id(1))).toMatchObject({ paid: 9000n, returned: 0n })
  expect(await ledger.countStart()).toBe(1n)
  await ledger.end()
})

test('of forgotten invoices the newest are remembered', async () => {
  for (const ledger of [openLedger(':memory:'), openLedger(newFile())]) {
    for (let from = 0; from < MAX_FORGOTTEN + 10; from += 10_000) {
      const invoices = Array.from({ length: 10_000 }, (_, i) => invoice(from + i, 1))
      await ledger.addAgreement(agreement(from), 1, invoices)
      await ledger.pruneUnpaid(10)
    }
    expect(await ledger.settle(settlement(0, 1n, 1n)), 'of the oldest').toBeUndefined()
    expect(await ledger.settle(settlement(MAX_FORGOTTEN + 9999, 1n, 2n))).toMatchObject({ forgotten: true })
    await ledger.end()
  }
})
