import { expect, test } from 'vitest'
import { journalContract } from '../ledger/journal.contract.ts'
import { hash, kept, payment } from '../ledger/testing/samples.ts'
import { sat } from '../money/msat.ts'
import { type Store, StoredJournal } from './journal.ts'

/** A browser's store, as far as one is used. */
class Shelf implements Store {
  readonly items = new Map<string, string>()
  full = false
  get length() {
    return this.items.size
  }
  key(index: number) {
    return [...this.items.keys()][index] ?? null
  }
  getItem(key: string) {
    return this.items.get(key) ?? null
  }
  setItem(key: string, value: string) {
    if (this.full) throw new DOMException('full', 'QuotaExceededError')
    this.items.set(key, value)
  }
  removeItem(key: string) {
    this.items.delete(key)
  }
}

journalContract('a journal in a browser', () => new StoredJournal(new Shelf()))

test('a payment is stored before it may be sent, and one that cannot be stored must not be', async () => {
  const shelf = new Shelf()
  const journal = new StoredJournal(shelf)
  await journal.addPayment(payment(1))
  expect(shelf.getItem(`streampay:payment:${hash(1)}`)).toContain('"pending"')
  shelf.full = true
  await expect(journal.addPayment(payment(2))).rejects.toMatchObject({ code: 'ledger-failed' })
  expect(await journal.payments({ open: true })).toHaveLength(1)
})

test('the next page knows agreements, payments and budgets of the one before', async () => {
  const shelf = new Shelf()
  const before = new StoredJournal(shelf)
  const agreement = kept(1)
  await before.addAgreement(agreement)
  await before.noteReceived(agreement.id, 7n)
  await before.addPayment(payment(1, { agreementId: agreement.id }))
  await before.setLimit('host', sat(30), 'shop.example')
  await before.end()
  const after = new StoredJournal(shelf)
  expect(await after.agreements('open')).toMatchObject([{ id: agreement.id, receivedSteps: 7n }])
  expect(await after.payments({ open: true })).toMatchObject([{ paymentHash: hash(1), amount: payment(1).amount }])
  expect(await after.limits()).toEqual([{ name: 'host', host: 'shop.example', amount: sat(30) }])
  expect(await after.addPayment(payment(1))).toEqual({ written: false, reason: 'known' })
  expect(await after.holdAgreement(agreement.id)).toBe(true)
  await after.end()
})

test('two tabs share a budget, and one of them holds an agreement', async () => {
  const shelf = new Shelf()
  const agreement = kept(1)
  const one = new StoredJournal(shelf)
  await one.setLimit('total', sat(20))
  await one.addAgreement(agreement)
  const two = new StoredJournal(shelf)
  expect(await two.holdAgreement(agreement.id)).toBe(false)
  const answers = await Promise.all([one.addPayment(payment(1)), two.addPayment(payment(2))])
  expect(answers.map(({ written }) => written).sort()).toEqual([false, true])
  await one.end()
  expect(await two.holdAgreement(agreement.id)).toBe(true)
  await two.end()
})

test('what somebody else wrote under the same names is passed over', async () => {
  const shelf = new Shelf()
  shelf.setItem('streampay:payment:x', '{')
  shelf.setItem('streampay:limits', 'null')
  expect(await new StoredJournal(shelf).payments()).toEqual([])
})
