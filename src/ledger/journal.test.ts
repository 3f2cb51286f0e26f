import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { sat } from '../money/msat.ts'
import { openJournal } from './index.ts'
import { journalContract } from './journal.contract.ts'
import { MIGRATIONS } from './sqlite/journalTables.ts'
import { hash, id, kept, payment } from './testing/samples.ts'
import { temporaryFolder } from './testing/temporary.ts'

const folder = temporaryFolder()
let files = 0
const newFile = (): string => path.join(folder(), `journal-${files++}.db`)
const holdersOf = (file: string): string[] =>
  readdirSync(path.dirname(file)).filter((name) => name.startsWith(`${path.basename(file)}-holder-`))

journalContract('a journal in memory', () => openJournal(':memory:'))
journalContract('a journal in SQLite', () => openJournal(newFile()))

test('two processes share a file, and a payment hash is sent by one of them', async () => {
  const file = newFile()
  const [one, two] = [openJournal(file), openJournal(file)]
  await one.addAgreement(kept(1))
  expect(await two.agreements('open')).toMatchObject([kept(1)])
  const answers = await Promise.all([one.addPayment(payment(1)), two.addPayment(payment(1))])
  expect(answers.filter((answer) => answer.written)).toHaveLength(1)
  expect(await one.payments({ open: true })).toHaveLength(1)
  await one.end()
  await two.end()
})

test('two processes share limits, and what is left of them goes to one', async () => {
  const file = newFile()
  const [one, two] = [openJournal(file), openJournal(file)]
  await one.setLimit('total', sat(20))
  const answers = await Promise.all([one.addPayment(payment(1)), two.addPayment(payment(2))])
  expect(answers.map((answer) => answer.written).sort()).toEqual([false, true])
  await one.end()
  await two.end()
})

test('what one process holds is not for another one to take up or to judge, until the first has ended', async () => {
  const file = newFile()
  const [one, two] = [openJournal(file), openJournal(file)]
  await one.addAgreement(kept(1))
  await one.addPayment(payment(1))
  expect(await two.holdAgreement(id(1))).toBe(false)
  expect(await two.abandonedPayments()).toEqual([])
  await one.end()
  expect(await two.abandonedPayments()).toMatchObject([{ paymentHash: hash(1) }])
  expect(await two.holdAgreement(id(1))).toBe(true)
  const three = openJournal(file)
  expect(await three.holdAgreement(id(1))).toBe(false)
  await two.releaseAgreement(id(1))
  expect(await three.holdAgreement(id(1))).toBe(true)
  await two.end()
  await three.end()
  expect(holdersOf(file), 'nothing lies beside a journal that nobody uses').toEqual([])
})

test('a journal that only reads leaves nothing beside the file', async () => {
  const file = newFile()
  const journal = openJournal(file)
  await journal.agreements()
  expect(holdersOf(file)).toEqual([])
  await journal.end()
})

test('a journal of version 0.1 keeps its payments, and what they cost counts', async () => {
  const file = newFile()
  const old = new DatabaseSync(file)
  old.exec(`${MIGRATIONS[0]}; PRAGMA user_version = 1`)
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000
  for (const [n, status] of ['settled', 'failed', 'pending', 'unknown'].entries()) {
    old.exec(`INSERT INTO payments VALUES
      ('${hash(n)}', 'lnbcrt', '${id(1)}', 'http://a.example:80', 10000, 300, ${hour}, '${status}', ${n === 0 ? 50 : 0}, NULL)`)
  }
  old.exec(
    `INSERT INTO agreements VALUES ('${id(1)}', 's', 'http://a.example:80/', 'GET', '{}', '{}', 1, 'open', NULL)`,
  )
  old.close()
  const journal = openJournal(file)
  const spent = 10_050n + 2n * 10_300n
  expect(await journal.spending()).toEqual({
    total: spent,
    day: spent,
    fees: 650n,
    hosts: new Map([['a.example:80', spent]]),
  })
  expect(await journal.addPayment(payment(9), { agreement: sat(41) })).toMatchObject({ use: { spent } })
  // Nobody knows which node had paid them, and nobody follows them.
  expect(await journal.abandonedPayments()).toMatchObject([{ payer: '' }, { payer: '' }])
  await journal.end()
})

test('what was asked for is written before the end', async () => {
  const file = newFile()
  const journal = openJournal(file)
  const writing = journal.addPayment(payment(1))
  await journal.end()
  expect(await writing).toMatchObject({ written: true })
  const again = openJournal(file)
  expect(await again.payments({ open: true })).toHaveLength(1)
  await again.end()
  await expect(again.addPayment(payment(2))).rejects.toMatchObject({ code: 'ledger-failed' })
  await expect(again.payments()).rejects.toMatchObject({ code: 'ledger-failed' })
  expect(existsSync(file)).toBe(true)
})

test('a value that cannot be written fails alone, though it was asked for together with others', async () => {
  const journal = openJournal(newFile())
  const broken = { ...payment(2), createdAtMs: 2 ** 70 }
  const outcomes = await Promise.allSettled([payment(1), broken, payment(3)].map((entry) => journal.addPayment(entry)))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: { code: 'ledger-failed' } })
  expect(await journal.payments({ open: true })).toHaveLength(2)
  await journal.end()
})
