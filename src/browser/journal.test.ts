import { expect, test } from 'vitest'
import { journalContract } from '../ledger/journal.contract.ts'
import { hash, kept, payment } from '../ledger/testing/samples.ts'
import { sat, ZERO } from '../money/msat.ts'
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

const recent = (n: number) => payment(n, { createdAtMs: Date.now() })

test('a budget that is lowered in one tab holds in the other, and what either paid counts', async () => {
  const shelf = new Shelf()
  const [one, two] = [new StoredJournal(shelf), new StoredJournal(shelf)]
  await one.setLimit('total', sat(40))
  expect(await two.addPayment(recent(1))).toMatchObject({ written: true })
  expect(await one.addPayment(recent(2))).toMatchObject({ written: true })
  await two.endPayment(hash(1), { status: 'settled', fee: ZERO, preimage: '11'.repeat(32) })
  expect(await one.getPayment(hash(1))).toMatchObject({ status: 'pending' })
  await one.setLimit('total', sat(11))
  expect(await two.limits()).toEqual([{ name: 'total', amount: sat(11) }])
  expect(await two.addPayment(recent(3))).toMatchObject({ written: false, reason: 'limit' })
  expect(await one.addPayment(recent(3))).toMatchObject({ written: false, reason: 'limit' })
  expect((await one.spending()).total).toBe((await two.spending()).total)
  expect(await one.getPayment(hash(1))).toMatchObject({ status: 'settled', preimage: '11'.repeat(32) })
})

test('an agreement that another tab closed is not taken up, and one that it gave back is as it left it', async () => {
  const shelf = new Shelf()
  const [one, two] = [new StoredJournal(shelf), new StoredJournal(shelf)]
  for (const index of [1, 2]) await one.addAgreement({ ...kept(index), createdAtMs: Date.now() })
  expect(await two.agreements('open')).toHaveLength(2)
  await one.noteReceived(kept(1).id, 9n)
  await one.closeAgreement(kept(2).id, undefined)
  for (const index of [1, 2]) await one.releaseAgreement(kept(index).id)
  expect(await two.holdAgreement(kept(1).id)).toBe(true)
  expect((await two.getAgreement(kept(1).id))!.receivedSteps).toBe(9n)
  expect(await two.holdAgreement(kept(2).id)).toBe(false)
  await two.end()
})

test('a payment that is over takes little of the store, and counts for the next page', async () => {
  const shelf = new Shelf()
  const before = new StoredJournal(shelf)
  await before.addPayment({ ...recent(1), request: `lnbc${'x'.repeat(400)}` })
  await before.endPayment(hash(1), { status: 'settled', fee: ZERO, preimage: '11'.repeat(32) })
  expect(shelf.getItem(`streampay:payment:${hash(1)}`)!.length).toBeLessThan(220)
  const after = new StoredJournal(shelf)
  expect((await after.spending()).total).toBe(recent(1).amount)
  expect(await after.addPayment(recent(1))).toEqual({ written: false, reason: 'known' })
})

test('what somebody else wrote under the same names is passed over', async () => {
  const shelf = new Shelf()
  shelf.setItem('streampay:payment:x', '{')
  shelf.setItem('streampay:limits', 'null')
  expect(await new StoredJournal(shelf).payments()).toEqual([])
})
