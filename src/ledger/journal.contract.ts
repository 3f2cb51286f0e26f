import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_MSAT, sat, ZERO } from '../money/msat.ts'
import type { Journal, JournalPayment, NewPayment } from './journal.ts'
import { ofCaller } from './ofCaller.ts'
import { hash, id, kept, payment } from './testing/samples.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const written = expect.objectContaining({ written: true })
const known = { written: false, reason: 'known' }
const pending = ({ receivedSteps: _, ...entry }: NewPayment): JournalPayment => ({
  ...entry,
  status: 'pending',
  fee: ZERO,
})
const open = (n: number, changes = {}) => ({ ...kept(n, changes), state: 'open', receivedSteps: 0n, returns: [] })

/** What every journal must do. `make` gives an empty one. */
export function journalContract(name: string, make: () => Journal): void {
  describe(name, () => {
    let journal: Journal
    beforeEach(() => {
      journal = make()
    })
    afterEach(() => journal.end())

    const settled = { status: 'settled', fee: sat(1), preimage: hash(7) } as const
    const failed = { status: 'failed', fee: ZERO } as const
    const unknown = { status: 'unknown', fee: ZERO } as const
    const openPayments = () => journal.payments({ open: true })

    describe('payments', () => {
      test('are read back as they were written, oldest first', async () => {
        const large = payment(3, { createdAtMs: 2, amount: MAX_MSAT, maxFee: MAX_MSAT, origin: 'https://x.example' })
        for (const entry of [payment(2), large, payment(1)]) expect(await journal.addPayment(entry)).toEqual(written)
        expect(await journal.payments()).toEqual([payment(1), payment(2), large].map(pending))
      })

      test('are found by their hash', async () => {
        for (const n of [1, 2]) await journal.addPayment(payment(n))
        await journal.endPayment(hash(2), settled)
        expect(await journal.getPayment(hash(1))).toEqual(pending(payment(1)))
        expect(await journal.getPayment(hash(2))).toEqual({ ...pending(payment(2)), ...settled })
        expect(await journal.getPayment(hash(3))).toBeUndefined()
      })

      test('of one instant come in the order of their hashes', async () => {
        for (const n of [2, 3, 1]) await journal.addPayment(payment(n, { createdAtMs: 5 }))
        expect((await journal.payments()).map(({ paymentHash }) => paymentHash)).toEqual([hash(1), hash(2), hash(3)])
      })

      test('are seen by whoever asks after they were asked for', async () => {
        const writing = journal.addPayment(payment(1))
        expect(await journal.payments()).toHaveLength(1)
        await writing
      })

      test('come near no limit where there is none', async () => {
        expect(await journal.addPayment(payment(1))).toEqual({ written: true, near: [] })
      })

      test('are written once for a hash, whatever became of it', async () => {
        for (const [n, end] of [settled, failed, unknown].entries()) {
          expect(await journal.addPayment(payment(n))).toEqual(written)
          expect(await journal.addPayment(payment(n, { agreementId: id(9) }))).toEqual(known)
          await journal.endPayment(hash(n), end)
          expect(await journal.addPayment(payment(n))).toEqual(known)
        }
      })

      test('that failed can be written anew by who asks to, and no others', async () => {
        await journal.setLimit('total', sat(40))
        for (const n of [1, 2, 3]) expect(await journal.repeatPayment(payment(n))).toEqual(written)
        await journal.endPayment(hash(1), failed)
        await journal.endPayment(hash(2), settled)
        await journal.endPayment(hash(3), unknown)
        const again = payment(1, { createdAtMs: 9, amount: sat(11) })
        expect(await journal.repeatPayment(payment(2))).toEqual(known)
        expect(await journal.repeatPayment(payment(3))).toEqual(known)
        expect(await journal.repeatPayment(again)).toEqual(written)
        expect(await journal.repeatPayment(again)).toEqual(known)
        expect((await journal.payments()).map(({ paymentHash, status }) => [paymentHash, status])).toEqual([
          [hash(2), 'settled'],
          [hash(3), 'unknown'],
          [hash(1), 'pending'],
        ])
        expect((await journal.spending()).total).toBe(sat(11 + 11 + 12))
        // What a limit refuses leaves the old one as it was.
        await journal.endPayment(hash(1), failed)
        const large = payment(1, { amount: sat(30) })
        expect(await journal.repeatPayment(large)).toMatchObject({ written: false, reason: 'limit' })
        expect((await journal.payments({ sinceMs: 9 })).at(0)).toMatchObject({ status: 'failed', amount: sat(11) })
      })

      test('of one hash that are asked for at once: one is written', async () => {
        const answers = await Promise.all([1, 1, 2, 1].map((n) => journal.addPayment(payment(n))))
        expect(answers.map((answer) => answer.written)).toEqual([true, false, true, false])
      })

      test('end once: what settled or failed stays so', async () => {
        await journal.addPayment(payment(1))
        await journal.addPayment(payment(2))
        await journal.endPayment(hash(1), settled)
        await journal.endPayment(hash(1), failed)
        await journal.endPayment(hash(2), failed)
        await journal.endPayment(hash(2), settled)
        await journal.endPayment(hash(3), settled)
        expect(await openPayments()).toEqual([])
        expect((await journal.payments()).map(({ status, preimage }) => [status, preimage])).toEqual([
          ['settled', hash(7)],
          ['failed', undefined],
        ])
        expect((await journal.spending()).total).toBe(sat(11))
      })

      test('of unknown outcome are open, and may still settle or fail', async () => {
        for (const n of [1, 2]) {
          await journal.addPayment(payment(n))
          await journal.endPayment(hash(n), unknown)
        }
        expect((await openPayments()).map(({ status }) => status)).toEqual(['unknown', 'unknown'])
        await journal.endPayment(hash(1), settled)
        await journal.endPayment(hash(2), failed)
        expect(await openPayments()).toEqual([])
      })

      test('can be asked for by agreement, by time, and by being open', async () => {
        for (const n of [1, 2, 3, 4]) await journal.addPayment(payment(n, { agreementId: id(n % 2) }))
        await journal.endPayment(hash(1), failed)
        const hashes = async (filter: Parameters<Journal['payments']>[0]) =>
          (await journal.payments(filter)).map(({ paymentHash }) => paymentHash)
        expect(await hashes({ agreementId: id(1) })).toEqual([hash(1), hash(3)])
        expect(await hashes({ agreementId: id(1), open: true })).toEqual([hash(3)])
        expect(await hashes({ sinceMs: 3 })).toEqual([hash(3), hash(4)])
        expect(await hashes({ open: true, sinceMs: 4 })).toEqual([hash(4)])
        expect(await hashes({ agreementId: id(7) })).toEqual([])
      })

      test('that this process wrote are its own to follow', async () => {
        await journal.addPayment(payment(1))
        expect(await journal.abandonedPayments()).toEqual([])
      })
    })

    describe('limits', () => {
      test('are kept, replaced and taken away', async () => {
        expect(await journal.limits()).toEqual([])
        await journal.setLimit('day', sat(5))
        await journal.setLimit('host', sat(1))
        await journal.setLimit('host', sat(2), 'a.example')
        await journal.setLimit('day', sat(6))
        await journal.setLimit('host', sat(3), 'c.example')
        await journal.setLimit('host', sat(3), 'b.example')
        const host = { name: 'host', amount: sat(1) }
        expect(await journal.limits()).toEqual([
          { name: 'day', amount: sat(6) },
          host,
          { name: 'host', amount: sat(2), host: 'a.example' },
          { name: 'host', amount: sat(3), host: 'b.example' },
          { name: 'host', amount: sat(3), host: 'c.example' },
        ])
        for (const one of ['a', 'b', 'c']) await journal.setLimit('host', undefined, `${one}.example`)
        await journal.setLimit('day', undefined)
        await journal.setLimit('total', undefined)
        expect(await journal.limits()).toEqual([host])
      })

      test('count what is open with its fee cap, what settled with its fee, what failed not at all', async () => {
        await journal.setLimit('total', sat(40))
        for (const n of [1, 2, 3]) expect(await journal.addPayment(payment(n))).toEqual(written)
        const refused = { written: false, reason: 'limit', use: { limit: 'total', max: sat(40), spent: sat(33) } }
        expect(await journal.addPayment(payment(4))).toEqual(refused)
        expect(await openPayments()).toHaveLength(3)
        await journal.endPayment(hash(1), unknown)
        expect(await journal.addPayment(payment(4))).toEqual(refused)
        await journal.endPayment(hash(2), { ...settled, fee: ZERO })
        expect(await journal.addPayment(payment(4))).toMatchObject({ use: { spent: sat(32) } })
        await journal.endPayment(hash(3), failed)
        expect(await journal.addPayment(payment(4))).toEqual(written)
        expect((await journal.spending()).total).toBe(sat(32))
      })

      test('hold for payments that are asked for at once', async () => {
        await journal.setLimit('total', sat(25))
        const answers = await Promise.all([1, 2, 3, 4].map((n) => journal.addPayment(payment(n))))
        expect(answers.map((answer) => answer.written)).toEqual([true, true, false, false])
      })

      test('that come with a payment hold as well; the stricter one counts', async () => {
        await journal.setLimit('day', sat(100))
        expect(await journal.addPayment(payment(1), { day: sat(10) })).toMatchObject({ use: { max: sat(10) } })
        expect(await journal.addPayment(payment(1), { day: sat(11) })).toEqual(written)
        await journal.setLimit('day', sat(12))
        expect(await journal.addPayment(payment(2), { day: sat(50) })).toMatchObject({ use: { max: sat(12) } })
      })

      test('look at one agreement, one host, a day and all', async () => {
        const other = { origin: 'https://other.example', agreementId: id(2), createdAtMs: 10 * DAY }
        await journal.addAgreement(kept(1))
        await journal.addAgreement(kept(2))
        await journal.addPayment(payment(1, { createdAtMs: 10 * DAY }))
        await journal.addPayment(payment(2, other))
        const at = (changes: Partial<NewPayment>, limits: Parameters<Journal['addPayment']>[1]) =>
          journal.addPayment(payment(3, changes), limits)
        expect(await at(other, { agreement: sat(21) })).toMatchObject({ use: { limit: 'agreement', spent: sat(11) } })
        expect(await at(other, { host: sat(21) })).toMatchObject({ use: { limit: 'host', spent: sat(11) } })
        expect(await at(other, { day: sat(32) })).toMatchObject({ use: { limit: 'day', spent: sat(22) } })
        expect(await at(other, { fees: sat(2) })).toMatchObject({ use: { limit: 'fees', spent: sat(2) } })
        const later = { ...other, createdAtMs: 11 * DAY + HOUR }
        expect(await at(later, { total: sat(32) })).toMatchObject({ use: { limit: 'total', spent: sat(22) } })
        expect(await at(later, { day: sat(11), host: sat(11), fees: sat(1), agreement: sat(22) })).toEqual(written)
      })

      test('of an agreement count what was paid on that one alone', async () => {
        for (const n of [1, 2]) await journal.addAgreement(kept(n))
        for (const n of [1, 2]) await journal.addPayment(payment(n, { agreementId: id(1) }))
        await journal.addPayment(payment(3, { agreementId: id(2) }))
        const at = (n: number) => journal.addPayment(payment(4, { agreementId: id(n) }), { agreement: sat(12) })
        expect(await at(1)).toMatchObject({ use: { spent: sat(22) } })
        expect(await at(2)).toMatchObject({ use: { spent: sat(11) } })
      })

      test('forget nothing before 24 hours are over, nor when the clock is set back', async () => {
        await journal.addPayment(payment(1, { createdAtMs: 5 * DAY + HOUR - 1 }))
        const at = (createdAtMs: number) => journal.addPayment(payment(2, { createdAtMs }), { day: sat(21) })
        expect(await at(6 * DAY + HOUR - 1)).toMatchObject({ written: false })
        expect(await at(2 * DAY)).toMatchObject({ written: false })
        expect(await at(6 * DAY + HOUR)).toEqual(written)
      })

      test('of a host of its own go before the general one', async () => {
        await journal.setLimit('host', sat(5))
        await journal.setLimit('host', sat(50), '127.0.0.1:2402')
        expect(await journal.addPayment(payment(1))).toEqual(written)
        expect(await journal.addPayment(payment(2, { origin: 'http://127.0.0.1:2403' }))).toMatchObject({
          use: { limit: 'host', max: sat(5), spent: 0n },
        })
      })

      test('warn with the payment that comes to four fifths', async () => {
        await journal.setLimit('total', sat(40))
        for (const n of [1, 2]) expect(await journal.addPayment(payment(n))).toEqual({ written: true, near: [] })
        expect(await journal.addPayment(payment(3))).toEqual({
          written: true,
          near: [{ limit: 'total', max: sat(40), spent: sat(33) }],
        })
      })
    })

    describe('a journal of one caller', () => {
      const of = (caller: string, changes = {}) => ({ caller, ...changes })

      test('has what was written for that one, and nothing else', async () => {
        await journal.addAgreement(kept(1))
        await journal.addAgreement(kept(2, of('ada')))
        await journal.addPayment(payment(1))
        await journal.addPayment(payment(2, of('ada')))
        await journal.addPayment(payment(3, of('bob', { origin: 'https://b.example' })))
        const ada = ofCaller(journal, 'ada')
        expect(await ada.payments()).toEqual([pending(payment(2, of('ada')))])
        expect(await ada.payments({ open: true, agreementId: id(1) })).toHaveLength(1)
        expect(await ada.agreements('open')).toEqual([open(2, of('ada'))])
        expect(await ada.agreements('closed')).toEqual([])
        expect([await ada.getPayment(hash(1)), await ada.getAgreement(id(1))]).toEqual([undefined, undefined])
        expect(await ada.getPayment(hash(2))).toMatchObject({ amount: sat(10) })
        for (const n of [1, 2]) await journal.releaseAgreement(id(n))
        expect([await ada.holdAgreement(id(1)), await ada.holdAgreement(id(2))]).toEqual([false, true])
        await ada.addAgreement(kept(3))
        expect(await journal.getAgreement(id(3))).toEqual(open(3, of('ada')))
        await expect(ada.setLimit('day', undefined)).rejects.toMatchObject({ code: 'owner-only' })
        await ada.end()
        expect(await journal.agreements(), 'the journal goes on').toHaveLength(3)
      })

      test('shares what is sent once: a hash that anybody wrote is known to all', async () => {
        const [ada, bob] = [ofCaller(journal, 'ada'), ofCaller(journal, 'bob')]
        expect(await ada.addPayment(payment(1))).toEqual(written)
        expect(await bob.addPayment(payment(1))).toEqual(known)
        expect(await bob.repeatPayment(payment(1))).toEqual(known)
        expect(await bob.payments()).toEqual([])
        await ada.endPayment(hash(1), failed)
        expect(await bob.repeatPayment(payment(1))).toEqual(written)
        expect(await bob.spending()).toMatchObject({ total: sat(11) })
        expect(await ada.spending()).toMatchObject({ total: 0n })
      })

      test("holds to the caller's own limits, also those that ask at once, and to everybody's", async () => {
        const now = Date.now()
        const make = (n: number, origin = 'https://a.example') => payment(n, { createdAtMs: now, origin })
        const ada = ofCaller(journal, 'ada', { max: sat(25), hosts: { 'a.example': sat(15), 'b.example': null } })
        await journal.addPayment(make(1))
        const answers = await Promise.all([2, 3].map((n) => ada.addPayment(make(n))))
        expect(answers).toMatchObject([
          { written: true },
          { use: { limit: 'caller-host', max: sat(15), spent: sat(11) } },
        ])
        expect(await ada.addPayment(make(3, 'https://c.example'))).toMatchObject({ use: { max: ZERO } })
        expect(await ada.addPayment(make(3, 'https://b.example'))).toEqual(written)
        expect(await ada.repeatPayment(make(4, 'https://b.example'))).toMatchObject({ use: { limit: 'caller' } })
        await journal.endPayment(hash(2), failed)
        const { hosts, ...sums } = await ada.spending()
        expect(sums).toEqual({ total: sat(11), day: sat(11), fees: sat(1) })
        expect([...hosts]).toEqual([
          ['a.example', ZERO],
          ['b.example', sat(11)],
        ])
        await journal.setLimit('total', sat(23))
        expect(await ada.addPayment(make(5, 'https://b.example'))).toMatchObject({ use: { max: sat(23) } })
      })
    })

    test('payments are read in pages, from the newest back', async () => {
      for (const n of [1, 2, 3]) await journal.addPayment(payment(n, { createdAtMs: 5 }))
      for (const n of [4, 5, 6]) await journal.addPayment(payment(n, n === 5 ? {} : { caller: 'ada' }))
      const hashes = async (filter: Parameters<Journal['payments']>[0]) =>
        (await journal.payments(filter)).map(({ paymentHash }) => Number.parseInt(paymentHash, 16))
      expect(await hashes({})).toEqual([4, 1, 2, 3, 5, 6])
      expect(await hashes({ newest: 2 })).toEqual([5, 6])
      expect(await hashes({ newest: 2, before: { createdAtMs: 5, paymentHash: hash(5) } })).toEqual([2, 3])
      expect(await hashes({ newest: 9, before: { createdAtMs: 5, paymentHash: hash(2) } })).toEqual([4, 1])
      expect(await hashes({ newest: 9, sinceMs: 5, before: { createdAtMs: 5, paymentHash: hash(2) } })).toEqual([1])
      expect(await hashes({ caller: 'ada' })).toEqual([4, 6])
      expect(await hashes({ caller: 'ada', newest: 1, open: true })).toEqual([6])
      expect(await hashes({ caller: 'ada', before: { createdAtMs: 6, paymentHash: hash(6) } })).toEqual([4])
      expect(await hashes({ newest: 0 })).toEqual([])
      await journal.endPayment(hash(6), failed)
      expect(await hashes({ open: true, before: { createdAtMs: 5, paymentHash: hash(3) }, newest: 2 })).toEqual([1, 2])
    })

    test('what was spent is told by host, for a day and in all', async () => {
      const now = Date.now()
      await journal.addPayment(payment(1, { createdAtMs: now - 3 * DAY }))
      await journal.addPayment(payment(2, { createdAtMs: now }))
      await journal.addPayment(payment(3, { createdAtMs: now, origin: 'https://b.example:8443' }))
      await journal.endPayment(hash(3), { ...settled, fee: ZERO })
      await journal.addPayment(payment(4, { createdAtMs: now, origin: 'https://a.example' }))
      await journal.endPayment(hash(4), failed)
      const { hosts, ...sums } = await journal.spending()
      expect(sums).toEqual({ total: sat(32), day: sat(21), fees: sat(1) })
      expect([...hosts], 'by name').toEqual([
        ['127.0.0.1:2402', sat(11)],
        ['a.example', ZERO],
        ['b.example:8443', sat(10)],
      ])
    })

    describe('callers', () => {
      const now = Date.now()
      const by = (n: number, caller: string | undefined, changes: Partial<NewPayment> = {}) =>
        payment(n, { createdAtMs: now, ...(caller !== undefined && { caller }), ...changes })
      const refused = (limit: string, spent: bigint) => ({ written: false, reason: 'limit', use: { limit, spent } })

      test('have limits of their own, whatever others spend', async () => {
        const limits = { caller: sat(25) }
        expect(await journal.addPayment(by(1, 'ann'), limits)).toEqual(written)
        expect(await journal.addPayment(by(2, 'bob'), limits)).toEqual(written)
        expect(await journal.addPayment(by(3, undefined), limits)).toEqual(written)
        expect(await journal.addPayment(by(4, 'ann'), limits)).toEqual(written)
        expect(await journal.addPayment(by(5, 'ann'), limits)).toMatchObject(refused('caller', sat(22)))
        expect(await journal.callerSpending('ann')).toEqual({ total: sat(22), day: sat(22) })
        expect(await journal.callerSpending('eve')).toEqual({ total: ZERO, day: ZERO })
        expect((await journal.spending()).total).toBe(sat(44))
      })

      test('get back what failed; what is pending or unknown counts in full', async () => {
        for (const n of [1, 2, 3]) await journal.addPayment(by(n, 'ann'))
        await journal.endPayment(hash(1), failed)
        await journal.endPayment(hash(2), unknown)
        await journal.endPayment(hash(3), settled)
        expect((await journal.callerSpending('ann')).total).toBe(sat(11 + 11))
        await journal.endPayment(hash(2), failed)
        expect((await journal.callerSpending('ann')).total).toBe(sat(11))
      })

      test('have a limit for a day and for a host, which renew', async () => {
        const host = { 'caller-host': sat(15) }
        const day = { 'caller-day': sat(15) }
        await journal.addPayment(by(1, 'ann', { createdAtMs: now - 2 * DAY }))
        expect(await journal.addPayment(by(2, 'ann'), { ...host, ...day })).toEqual(written)
        expect(await journal.addPayment(by(3, 'ann'), day)).toMatchObject(refused('caller-day', sat(11)))
        expect(await journal.addPayment(by(3, 'ann'), host)).toMatchObject(refused('caller-host', sat(11)))
        expect(await journal.addPayment(by(3, 'ann', { origin: 'https://other.example' }), host)).toEqual(written)
        expect(await journal.callerSpending('ann')).toEqual({ total: sat(33), day: sat(22) })
      })

      test('are named in what was made and paid for them', async () => {
        await journal.addAgreement(kept(1, { caller: 'ann' }))
        await journal.addPayment(by(1, 'ann'))
        expect(await journal.getAgreement(id(1))).toMatchObject({ caller: 'ann' })
        expect(await journal.getPayment(hash(1))).toMatchObject({ caller: 'ann' })
      })
    })

    describe('agreements', () => {
      test('are read back as they were written, oldest first, and added once', async () => {
        await journal.addAgreement(kept(2))
        await journal.addAgreement(kept(1, { method: 'POST' }))
        await journal.addAgreement(kept(1, { secret: 'other' }))
        expect(await journal.agreements()).toEqual([open(1, { method: 'POST' }), open(2)])
        expect(await journal.getAgreement(id(2))).toEqual(open(2))
        expect(await journal.getAgreement(id(3))).toBeUndefined()
      })

      test('of one instant come in the order of their ids', async () => {
        for (const n of [2, 3, 1]) await journal.addAgreement(kept(n, { createdAtMs: 5 }))
        expect((await journal.agreements()).map((one) => one.id)).toEqual([id(1), id(2), id(3)])
      })

      test('are open until they are closed, with a statement or without', async () => {
        for (const n of [1, 2, 3]) await journal.addAgreement(kept(n))
        await journal.closeAgreement(id(1), '{"closed":1}')
        await journal.closeAgreement(id(1), '{"closed":2}')
        await journal.closeAgreement(id(2), undefined)
        await journal.closeAgreement(id(9), undefined)
        expect(await journal.agreements('open')).toEqual([open(3)])
        expect(await journal.agreements('closed')).toEqual([
          { ...open(1), state: 'closed', statement: '{"closed":1}' },
          { ...open(2), state: 'closed' },
        ])
        await journal.closeAgreement(id(2), '{"late":true}')
        expect(await journal.getAgreement(id(2))).toMatchObject({ state: 'closed', statement: '{"late":true}' })
      })

      test('know how many steps were received, and never fewer than before', async () => {
        await journal.addAgreement(kept(1))
        for (const steps of [5n, 2n, 2n ** 70n]) {
          await journal.noteReceived(id(1), steps)
          const { receivedSteps } = (await journal.getAgreement(id(1)))!
          // more than nine exabytes are beyond what a file may count
          if (steps === 2n ** 70n) expect(receivedSteps >= 2n ** 63n - 1n).toBe(true)
          else expect(receivedSteps).toBe(5n)
        }
        await journal.noteReceived(id(9), 1n)
      })

      test('know it with every payment, whose writing may be the last thing that a process does', async () => {
        await journal.addAgreement(kept(1))
        await journal.addPayment(payment(1, { receivedSteps: 7n }))
        await journal.addPayment(payment(2, { receivedSteps: 6n }))
        expect(await journal.getAgreement(id(1))).toMatchObject({ receivedSteps: 7n })
        await journal.addPayment(payment(3, { receivedSteps: 2n ** 70n }))
        expect((await journal.getAgreement(id(1)))!.receivedSteps >= 2n ** 63n - 1n).toBe(true)
      })

      test('know of the return that was asked for; what settled stays so', async () => {
        await journal.addAgreement(kept(1))
        const asked = { invoice: 'lnbcrt1', amount: sat(3), status: 'asked' } as const
        await journal.noteReturn(id(1), asked)
        expect((await journal.getAgreement(id(1)))?.returns).toEqual([asked])
        await journal.noteReturn(id(1), { ...asked, status: 'failed' })
        const second = { ...asked, invoice: 'lnbcrt2' }
        await journal.noteReturn(id(1), second)
        await journal.noteReturn(id(1), { ...second, status: 'settled' })
        await journal.noteReturn(id(1), { ...second, status: 'failed' })
        const returns = [
          { ...asked, status: 'failed' },
          { ...second, status: 'settled' },
        ]
        expect((await journal.getAgreement(id(1)))?.returns).toEqual(returns)
        expect(await journal.agreements()).toMatchObject([{ returns }])
      })

      test('know what the seller said of them that cannot be: the first of it', async () => {
        await journal.addAgreement(kept(1))
        expect(await journal.getAgreement(id(1))).not.toHaveProperty('fault')
        await journal.noteFault(id(1), 'receipt-mismatch: one')
        await journal.noteFault(id(1), 'receipt-mismatch: two')
        await journal.closeAgreement(id(1), undefined)
        expect(await journal.getAgreement(id(1))).toMatchObject({ state: 'closed', fault: 'receipt-mismatch: one' })
      })

      test('are taken up and given back; what is not there cannot be held', async () => {
        await journal.addAgreement(kept(1))
        expect(await journal.holdAgreement(id(1)), 'whoever made it holds it').toBe(false)
        await journal.releaseAgreement(id(1))
        expect(await journal.holdAgreement(id(1))).toBe(true)
        expect(await journal.holdAgreement(id(1)), 'one at a time').toBe(false)
        expect(await journal.holdAgreement(id(2))).toBe(false)
      })

      test('that are given back leave their open payments to whoever asks', async () => {
        await journal.addAgreement(kept(1))
        await journal.addAgreement(kept(2))
        for (const n of [1, 2, 3]) await journal.addPayment(payment(n, { agreementId: id(n === 3 ? 2 : 1) }))
        await journal.endPayment(hash(1), failed)
        expect(await journal.abandonedPayments()).toEqual([])
        await journal.releaseAgreement(id(1))
        expect(await journal.abandonedPayments()).toEqual([pending(payment(2))])
      })
    })
  })
}
