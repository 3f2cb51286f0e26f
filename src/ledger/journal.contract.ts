import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_MSAT, sat, ZERO } from '../money/msat.ts'
import type { Journal } from './journal.ts'
import { hash, id, kept, payment } from './testing/samples.ts'

/** What every journal must do. `open` gives an empty one. */
export function journalContract(name: string, open: () => Journal): void {
  describe(name, () => {
    let journal: Journal
    beforeEach(() => {
      journal = open()
    })
    afterEach(() => journal.end())

    const settled = { status: 'settled', fee: sat(1), preimage: hash(7) } as const
    const failed = { status: 'failed', fee: ZERO } as const
    const unknown = { status: 'unknown', fee: ZERO } as const

    describe('payments', () => {
      test('are read back as they were written, oldest first', async () => {
        const large = payment(3, { createdAtMs: 2, amount: MAX_MSAT, maxFee: MAX_MSAT, origin: 'https://x.example' })
        for (const entry of [payment(2), large, payment(1)]) expect(await journal.addPayment(entry)).toBe(true)
        expect(await journal.openPayments()).toEqual(
          [payment(1), payment(2), large].map((entry) => ({ ...entry, status: 'pending', fee: 0n })),
        )
      })

      test('are written once for a hash, whatever became of it', async () => {
        for (const [n, end] of [settled, failed, unknown].entries()) {
          expect(await journal.addPayment(payment(n))).toBe(true)
          expect(await journal.addPayment(payment(n, { agreementId: id(9) }))).toBe(false)
          await journal.endPayment(hash(n), end)
          expect(await journal.addPayment(payment(n))).toBe(false)
        }
      })

      test('of one hash that are asked for at once: one is written', async () => {
        const answers = await Promise.all([1, 1, 2, 1].map((n) => journal.addPayment(payment(n))))
        expect(answers).toEqual([true, false, true, false])
      })

      test('end once: what settled or failed stays so', async () => {
        await journal.addPayment(payment(1))
        await journal.addPayment(payment(2))
        await journal.endPayment(hash(1), settled)
        await journal.endPayment(hash(1), failed)
        await journal.endPayment(hash(2), failed)
        await journal.endPayment(hash(2), settled)
        await journal.endPayment(hash(3), settled)
        expect(await journal.openPayments()).toEqual([])
        expect(await journal.spentSince(0)).toBe(sat(11))
      })

      test('of unknown outcome are open, and may still settle or fail', async () => {
        for (const n of [1, 2]) {
          await journal.addPayment(payment(n))
          await journal.endPayment(hash(n), unknown)
        }
        expect((await journal.openPayments()).map(({ status }) => status)).toEqual(['unknown', 'unknown'])
        await journal.endPayment(hash(1), settled)
        await journal.endPayment(hash(2), failed)
        expect(await journal.openPayments()).toEqual([])
      })
    })

    describe('what was spent', () => {
      test('counts the fee of what settled, and the most it may be of what is open', async () => {
        expect(await journal.spentSince(0)).toBe(0n)
        for (const n of [1, 2, 3, 4]) await journal.addPayment(payment(n, { maxFee: sat(5) }))
        await journal.endPayment(hash(1), settled)
        await journal.endPayment(hash(2), failed)
        await journal.endPayment(hash(3), unknown)
        expect(await journal.spentSince(0)).toBe(sat(11 + 0 + 15 + 15))
      })

      test('is told from a time on, and for one seller', async () => {
        await journal.addPayment(payment(100))
        await journal.addPayment(payment(200, { origin: 'http://other' }))
        expect(await journal.spentSince(100)).toBe(sat(22))
        expect(await journal.spentSince(101)).toBe(sat(11))
        expect(await journal.spentSince(100, 'http://127.0.0.1:2402')).toBe(sat(11))
        expect(await journal.spentSince(100, 'http://nobody')).toBe(0n)
      })

      test('includes what was asked for just before', async () => {
        const writing = journal.addPayment(payment(1))
        expect(await journal.spentSince(0)).toBe(sat(11))
        await writing
      })
    })

    describe('agreements', () => {
      test('are read back as they were written, oldest first, and added once', async () => {
        await journal.addAgreement(kept(2))
        await journal.addAgreement(kept(1, { method: 'POST' }))
        await journal.addAgreement(kept(1, { secret: 'other' }))
        expect(await journal.openAgreements()).toEqual([kept(1, { method: 'POST' }), kept(2)])
      })

      test('leave when they are closed, with a statement or without', async () => {
        for (const n of [1, 2, 3]) await journal.addAgreement(kept(n))
        await journal.closeAgreement(id(1), '{"closed":1}')
        await journal.closeAgreement(id(2), undefined)
        await journal.closeAgreement(id(9), undefined)
        expect(await journal.openAgreements()).toEqual([kept(3)])
      })
    })
  })
}
