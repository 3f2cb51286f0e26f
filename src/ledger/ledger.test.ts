import path from 'node:path'
import { expect, test } from 'vitest'
import { openLedger } from './index.ts'
import { ledgerContract } from './ledger.contract.ts'
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
  })
  const before = await first.getAgreement(id(1))
  await first.end()

  const second = openLedger(file)
  expect(await second.getAgreement(id(1))).toEqual(before)
  expect(await second.settlementIndex()).toBe(1n)
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
