import path from 'node:path'
import { expect, test } from 'vitest'
import { openJournal } from './index.ts'
import { journalContract } from './journal.contract.ts'
import { kept, payment } from './testing/samples.ts'
import { temporaryFolder } from './testing/temporary.ts'

const folder = temporaryFolder()
let files = 0
const newFile = (): string => path.join(folder(), `journal-${files++}.db`)

journalContract('a journal in memory', () => openJournal(':memory:'))
journalContract('a journal in SQLite', () => openJournal(newFile()))

test('two processes share a file, and a payment hash is sent by one of them', async () => {
  const file = newFile()
  const [one, two] = [openJournal(file), openJournal(file)]
  await one.addAgreement(kept(1))
  expect(await two.openAgreements()).toEqual([kept(1)])
  const answers = await Promise.all([one.addPayment(payment(1)), two.addPayment(payment(1))])
  expect(answers.filter(Boolean)).toHaveLength(1)
  expect(await one.openPayments()).toHaveLength(1)
  await one.end()
  await two.end()
})

test('what was asked for is written before the end', async () => {
  const file = newFile()
  const journal = openJournal(file)
  const writing = journal.addPayment(payment(1))
  await journal.end()
  expect(await writing).toBe(true)
  const again = openJournal(file)
  expect(await again.openPayments()).toHaveLength(1)
  await again.end()
  await expect(again.addPayment(payment(2))).rejects.toMatchObject({ code: 'ledger-failed' })
})

test('a value that cannot be written fails alone, though it was asked for together with others', async () => {
  const journal = openJournal(newFile())
  const broken = { ...payment(2), amount: (2n ** 70n) as never }
  const outcomes = await Promise.allSettled([payment(1), broken, payment(3)].map((entry) => journal.addPayment(entry)))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: { code: 'ledger-failed' } })
  expect(await journal.openPayments()).toHaveLength(2)
  await journal.end()
})
