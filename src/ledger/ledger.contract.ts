import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_MSAT, msat, sat, ZERO } from '../money/msat.ts'
import { type Ledger, MAX_RETURNS } from './ledger.ts'
import { agreement, hash, id, invoice, settlement } from './testing/samples.ts'

const failed = expect.objectContaining({ code: 'ledger-failed' })
const failedAt = (n: number, why: string) =>
  expect.objectContaining({ code: 'ledger-failed', message: expect.stringContaining(`agreement ${id(n)} is ${why}`) })

/** What every ledger must do. `open` gives an empty one. */
export function ledgerContract(name: string, open: () => Ledger): void {
  describe(name, () => {
    let ledger: Ledger
    beforeEach(() => {
      ledger = open()
    })
    afterEach(() => ledger.end())

    const record = async (n = 1) => (await ledger.getAgreement(id(n)))!
    /** An agreement that was paid `paid` msat with payment n + 1000. */
    const paidAgreement = async (n: number, paid: bigint) => {
      await ledger.addAgreement(agreement(n), 1000, [invoice(n + 1000)])
      await ledger.settle(settlement(n + 1000, paid))
    }

    describe('starts', () => {
      test('are counted from one', async () => {
        for (const count of [1n, 2n, 3n]) expect(await ledger.countStart()).toBe(count)
      })
    })

    describe('agreements', () => {
      test('are read back as they were written', async () => {
        const large = agreement(1, {
          price: { msat: MAX_MSAT, per: 10n ** 15n, unit: 'cups-of-tea' },
          credit: { start: MAX_MSAT, max: MAX_MSAT, ramp: 2n ** 63n - 1n },
          smallestPayment: MAX_MSAT,
          network: 'mainnet',
          scope: "/'; DROP TABLE agreements; --\u{1f525}",
        })
        expect(await ledger.addAgreement(large, 1234, [])).toBe(true)
        expect(await ledger.getAgreement(large.id)).toEqual({
          agreement: large,
          createdAtMs: 1234,
          state: 'open',
          deliveredSteps: 0n,
          leasedSteps: 0n,
          paid: 0n,
          returned: 0n,
          payments: 0,
        })
        expect(await ledger.getAgreement(id(2))).toBeUndefined()
      })

      test('are for any network', async () => {
        const networks = ['mainnet', 'testnet', 'signet', 'regtest', 'simnet'] as const
        for (const [n, network] of networks.entries()) {
          await ledger.addAgreement(agreement(n, { network }), 1, [])
          expect((await record(n)).agreement.network).toBe(network)
        }
      })

      test('are added once: a second time writes nothing', async () => {
        expect(await ledger.addAgreement(agreement(1), 1, [invoice(1)])).toBe(true)
        expect(await ledger.addAgreement(agreement(1, { scope: '/other' }), 2, [invoice(2)])).toBe(false)
        expect((await record()).agreement.scope).toBe('/v1')
        expect(await ledger.settle(settlement(2, 1000n))).toBeUndefined()
      })

      test('are not added if one of their invoices cannot be', async () => {
        await ledger.addAgreement(agreement(1), 1, [invoice(1)])
        await expect(ledger.addAgreement(agreement(2), 1, [invoice(2), invoice(1)])).rejects.toEqual(failed)
        await expect(ledger.addAgreement(agreement(3), 1, [invoice(3), invoice(3)])).rejects.toEqual(failed)
        expect(await ledger.getAgreement(id(2))).toBeUndefined()
        expect(await ledger.getAgreement(id(3))).toBeUndefined()
        expect(await ledger.settle(settlement(2, 1n))).toBeUndefined()
        expect(await ledger.countOpen()).toEqual({ unpaid: 1 })
      })
    })

    describe('invoices', () => {
      test('are open until they settle or expire', async () => {
        await ledger.addAgreement(agreement(1), 1, [invoice(1, 100), invoice(2, 200)])
        await ledger.addInvoices(id(1), [invoice(3, 300)])
        await ledger.addInvoices(id(1), [])
        expect(await ledger.countOpenInvoices(id(1), 99)).toBe(3)
        expect(await ledger.countOpenInvoices(id(1), 100)).toBe(2)
        await ledger.settle(settlement(2, 1000n))
        expect(await ledger.countOpenInvoices(id(1), 100)).toBe(1)
        expect(await ledger.countOpenInvoices(id(2), 0)).toBe(0)
      })

      test('of an unknown agreement, or with a known hash, are refused as a whole', async () => {
        await ledger.addAgreement(agreement(1), 1, [invoice(1)])
        await expect(ledger.addInvoices(id(2), [invoice(2)])).rejects.toEqual(failedAt(2, 'unknown'))
        await expect(ledger.addInvoices(id(1), [invoice(3), invoice(1)])).rejects.toEqual(failed)
        expect(await ledger.countOpenInvoices(id(1), 0)).toBe(1)
        expect(await ledger.settle(settlement(3, 1000n))).toBeUndefined()
      })
    })

    describe('settlements', () => {
      test('add up, each with what arrived', async () => {
        await ledger.addAgreement(agreement(1), 1, [invoice(1), invoice(2)])
        expect(await ledger.settle(settlement(1, 1000n))).toEqual({ agreementId: id(1), paid: 1000n })
        expect(await ledger.settle(settlement(2, 1700n))).toEqual({ agreementId: id(1), paid: 2700n })
        expect(await record()).toMatchObject({ paid: 2700n, payments: 2 })
      })

      test('are booked once, however often they are told', async () => {
        await ledger.addAgreement(agreement(1), 1, [invoice(1)])
        await ledger.settle(settlement(1, 1000n))
        expect(await ledger.settle(settlement(1, 1000n))).toBeUndefined()
        expect(await ledger.settle(settlement(1, 1000n, 9n))).toBeUndefined()
        expect(await record()).toMatchObject({ paid: 1000n, payments: 1 })
      })

      test('move the index, also those that are not ours, and never back', async () => {
        expect(await ledger.settlementIndex()).toBe(0n)
        expect(await ledger.settle(settlement(77, 5n, 2n ** 60n))).toBeUndefined()
        expect(await ledger.settlementIndex()).toBe(2n ** 60n)
        await ledger.settle(settlement(78, 5n, 3n))
        expect(await ledger.settlementIndex()).toBe(2n ** 60n)
      })

      test('of an expired invoice and of a closed agreement count', async () => {
        await ledger.addAgreement(agreement(1), 1, [invoice(1, 1)])
        await ledger.close(id(1), 0n, '{}')
        expect(await ledger.settle(settlement(1, 1000n))).toEqual({ agreementId: id(1), paid: 1000n })
      })

      test('beyond all the bitcoin there is are refused, with the index', async () => {
        await ledger.addAgreement(agreement(1), 1, [invoice(1), invoice(2)])
        await ledger.settle(settlement(1, MAX_MSAT))
        await expect(ledger.settle(settlement(2, 1n))).rejects.toEqual(failed)
        expect(await ledger.settlementIndex()).toBe(1n)
        expect(await record()).toMatchObject({ paid: MAX_MSAT, payments: 1 })
      })
    })

    describe('leases', () => {
      test('are what was written last: both may move back', async () => {
        await ledger.addAgreement(agreement(1), 1, [])
        await ledger.lease(id(1), 10n, 110n)
        expect(await record()).toMatchObject({ deliveredSteps: 10n, leasedSteps: 110n })
        await ledger.lease(id(1), 20n, 60n)
        expect(await record()).toMatchObject({ deliveredSteps: 20n, leasedSteps: 60n })
        await ledger.lease(id(1), 5n, 5n)
        expect(await record()).toMatchObject({ deliveredSteps: 5n, leasedSteps: 5n })
      })

      test('reach at least as far as what was delivered', async () => {
        await ledger.addAgreement(agreement(1), 1, [])
        await ledger.lease(id(1), 50n, 0n)
        expect(await record()).toMatchObject({ deliveredSteps: 50n, leasedSteps: 50n })
      })

      test('may have no end', async () => {
        await ledger.addAgreement(agreement(1), 1, [])
        await ledger.lease(id(1), 1n, 2n ** 70n)
        expect((await record()).leasedSteps >= 2n ** 63n - 1n).toBe(true)
      })

      test('of a closed or an unknown agreement are refused', async () => {
        await ledger.addAgreement(agreement(1), 1, [])
        await ledger.close(id(1), 7n, '{}')
        await expect(ledger.lease(id(1), 8n, 9n)).rejects.toEqual(failedAt(1, 'not open'))
        await expect(ledger.lease(id(2), 8n, 9n)).rejects.toEqual(failed)
        expect(await record()).toMatchObject({ deliveredSteps: 7n, leasedSteps: 7n })
      })
    })

    describe('closing', () => {
      test('keeps the final count and the first statement', async () => {
        await ledger.addAgreement(agreement(1), 1, [])
        await ledger.lease(id(1), 10n, 110n)
        expect(await ledger.closingStatement(id(1))).toBeUndefined()
        expect(await ledger.close(id(1), 42n, '{"first":"ü"}')).toBe('{"first":"ü"}')
        expect(await ledger.close(id(1), 43n, '{"second":1}')).toBe('{"first":"ü"}')
        expect(await ledger.closingStatement(id(1))).toBe('{"first":"ü"}')
        expect(await record()).toMatchObject({ state: 'closed', deliveredSteps: 42n, leasedSteps: 42n })
      })

      test('an unknown agreement is refused', async () => {
        await expect(ledger.close(id(1), 0n, '{}')).rejects.toEqual(failedAt(1, 'unknown'))
        expect(await ledger.closingStatement(id(1))).toBeUndefined()
      })
    })

    describe('returns', () => {
      const claim = (n: number, amount: bigint, of = 1) => ({
        agreementId: id(of),
        paymentHash: hash(n),
        request: `lnbcrt${n}`,
        amount: msat(amount),
        expiresAtMs: 5000 + n,
      })
      const pending = { status: 'pending', fee: 0n, attempts: 0, nextAttemptMs: 0 }

      test('go up to the balance and not beyond', async () => {
        await paidAgreement(1, 10_000n)
        await ledger.close(id(1), 4000n, '{}')
        expect(await ledger.addReturn(claim(1, 6001n))).toBe(false)
        expect(await ledger.addReturn(claim(1, 2000n))).toBe(true)
        expect(await ledger.addReturn(claim(2, 4001n))).toBe(false)
        expect(await ledger.addReturn(claim(2, 4000n))).toBe(true)
        expect(await ledger.addReturn(claim(3, 1n))).toBe(false)
        expect((await record()).returned).toBe(6000n)
      })

      test('of an open agreement leave what its lease may cost', async () => {
        await paidAgreement(1, 10_000n)
        await ledger.lease(id(1), 1000n, 3000n)
        expect(await ledger.addReturn(claim(1, 7001n))).toBe(false)
        expect(await ledger.addReturn(claim(1, 7000n))).toBe(true)
      })

      test('round the cost down, as the statement does', async () => {
        const third = agreement(1, { price: { msat: 1n, per: 3n, unit: 'token' } })
        await ledger.addAgreement(third, 1, [invoice(1)])
        await ledger.settle(settlement(1, 10n))
        await ledger.close(id(1), 5n, '{}')
        expect(await ledger.addReturn(claim(1, 10n))).toBe(false)
        expect(await ledger.addReturn(claim(1, 9n))).toBe(true)
      })

      test('are booked once for a hash, of nothing not at all, and of an unknown agreement never', async () => {
        await paidAgreement(1, 10_000n)
        expect(await ledger.addReturn(claim(1, 1n))).toBe(true)
        expect(await ledger.addReturn(claim(1, 1n))).toBe(false)
        expect(await ledger.addReturn(claim(2, 0n))).toBe(false)
        expect(await ledger.addReturn(claim(3, 1n, 9))).toBe(false)
        expect((await record()).returned).toBe(1n)
      })

      test('that fail give the amount back, once; their hash stays used', async () => {
        await paidAgreement(1, 10_000n)
        await ledger.addReturn(claim(1, 3000n))
        await ledger.addReturn(claim(2, 500n))
        await ledger.endReturn(hash(1), 'failed', ZERO)
        await ledger.endReturn(hash(1), 'failed', ZERO)
        await ledger.endReturn(hash(1), 'settled', ZERO)
        expect((await record()).returned).toBe(500n)
        expect(await ledger.addReturn(claim(1, 1n))).toBe(false)
      })

      test('that settle stay returned, whatever is said later', async () => {
        await paidAgreement(1, 10_000n)
        await ledger.addReturn(claim(1, 3000n))
        await ledger.endReturn(hash(1), 'settled', sat(1))
        await ledger.endReturn(hash(1), 'failed', ZERO)
        await ledger.endReturn(hash(99), 'failed', ZERO)
        expect((await record()).returned).toBe(3000n)
      })

      test('are pending until they end', async () => {
        await paidAgreement(1, 10_000n)
        for (const n of [3, 1, 2]) await ledger.addReturn(claim(n, 10n))
        await ledger.endReturn(hash(2), 'settled', ZERO)
        expect(await ledger.pendingReturns()).toEqual([
          { ...claim(1, 10n), ...pending },
          { ...claim(3, 10n), ...pending },
        ])
      })

      test('are told by their hash, with how they stand', async () => {
        await paidAgreement(1, 10_000n)
        expect(await ledger.getReturn(hash(1))).toBeUndefined()
        for (const n of [1, 2]) await ledger.addReturn(claim(n, 10n))
        expect(await ledger.getReturn(hash(1))).toEqual({ ...claim(1, 10n), ...pending })
        await ledger.endReturn(hash(1), 'settled', sat(1))
        await ledger.endReturn(hash(2), 'failed', ZERO)
        expect(await ledger.getReturn(hash(1))).toMatchObject({ status: 'settled', fee: 1000n })
        expect(await ledger.getReturn(hash(2))).toMatchObject({ status: 'failed', fee: 0n })
      })

      test('that are delayed stay booked, with their attempts and why, until they end', async () => {
        await paidAgreement(1, 10_000n)
        await ledger.addReturn(claim(1, 3000n))
        const delay = { attempts: 2, nextAttemptMs: 777, failure: 'no-route' }
        await ledger.delayReturn(hash(1), delay)
        await ledger.delayReturn(hash(2), delay)
        expect(await ledger.pendingReturns()).toEqual([{ ...claim(1, 3000n), ...pending, ...delay }])
        expect((await record()).returned).toBe(3000n)
        await ledger.endReturn(hash(1), 'settled', ZERO)
        await ledger.delayReturn(hash(1), { attempts: 3, nextAttemptMs: 999, failure: 'payment-failed' })
        expect(await ledger.getReturn(hash(1))).toMatchObject({ status: 'settled', ...delay })
      })

      test('are bounded in number, those that failed left out', async () => {
        await paidAgreement(1, 10_000n)
        await paidAgreement(2, 10_000n)
        for (let n = 1; n <= MAX_RETURNS; n++) expect(await ledger.addReturn(claim(n, 1n))).toBe(true)
        await ledger.endReturn(hash(1), 'settled', ZERO)
        expect(await ledger.addReturn(claim(50, 1n))).toBe(false)
        expect(await ledger.addReturn(claim(60, 1n, 2))).toBe(true)
        await ledger.endReturn(hash(2), 'failed', ZERO)
        expect(await ledger.addReturn(claim(50, 1n))).toBe(true)
        expect((await record()).returned).toBe(BigInt(MAX_RETURNS))
      })
    })

    describe('offers of a 402', () => {
      const offer = (n: number) => ledger.addAgreement(agreement(n), 1000, [invoice(n)], 'offered')

      test('do not count as agreements that wait for their first payment', async () => {
        await offer(1)
        expect(await ledger.countOpen()).toEqual({ unpaid: 0 })
        expect(await ledger.oldestUnpaidMs()).toBeUndefined()
        await ledger.addAgreement(agreement(2), 2000, [])
        expect(await ledger.countOpen()).toEqual({ unpaid: 1 })
        expect(await ledger.oldestUnpaidMs()).toBe(2000)
        expect(await ledger.pruneUnpaid(10_001)).toBe(2)
      })

      test('are claimed once: the first claim stays, whoever comes later', async () => {
        await offer(1)
        expect((await record()).claim).toEqual({ scheme: 'offered' })
        expect(await ledger.claim(id(1), { scheme: 'session', reference: 'lnbcrt1' })).toEqual({
          scheme: 'session',
          reference: 'lnbcrt1',
        })
        expect(await ledger.claim(id(1), { scheme: 'charge' })).toEqual({ scheme: 'session', reference: 'lnbcrt1' })
        expect((await record()).claim).toEqual({ scheme: 'session', reference: 'lnbcrt1' })
        await ledger.addAgreement(agreement(2), 1000, [])
        expect(await ledger.claim(id(2), { scheme: 'charge' })).toBeUndefined()
        expect(await ledger.claim(id(3), { scheme: 'charge' })).toBeUndefined()
        expect((await record(2)).claim).toBeUndefined()
      })

      test('go to a session once, with all that was paid', async () => {
        await offer(1)
        await ledger.settle(settlement(1, 5000n))
        await ledger.claim(id(1), { scheme: 'session', reference: 'lnbcrt1' })
        await offer(2)
        expect(await ledger.topUp(id(2), id(1)), 'nothing is paid').toBeUndefined()
        await ledger.settle(settlement(2, 700n))
        expect(await ledger.topUp(id(2), id(9)), 'no session').toBeUndefined()
        expect(await ledger.topUp(id(2), id(1))).toBe(5700n)
        expect(await ledger.topUp(id(2), id(1)), 'again').toBe(5700n)
        expect(await record(1)).toMatchObject({ paid: 5700n, payments: 2 })
        expect(await record(2)).toMatchObject({ returned: 700n, claim: { scheme: 'top-up', reference: id(1) } })
        expect(await ledger.owed(agreement(2).expiresAtMs, msat(1n))).toEqual({ amount: 5700n, agreements: 1 })
      })

      test('go to no other scheme, to no second session and to none that is closed', async () => {
        for (const n of [1, 2, 3, 4]) {
          await offer(n)
          await ledger.settle(settlement(n, 1000n))
        }
        await ledger.claim(id(1), { scheme: 'session' })
        await ledger.claim(id(2), { scheme: 'session' })
        await ledger.claim(id(3), { scheme: 'charge' })
        expect(await ledger.unfinishedSessions(sat(1))).toEqual([id(1), id(2)])
        expect(await ledger.topUp(id(3), id(1)), 'a charge').toBeUndefined()
        expect(await ledger.topUp(id(2), id(1)), 'an open deposit').toBeUndefined()
        expect(await ledger.topUp(id(4), id(3)), 'to a charge').toBeUndefined()
        expect(await ledger.topUp(id(4), id(2))).toBe(2000n)
        expect(await ledger.topUp(id(4), id(1)), 'to another').toBeUndefined()
        await ledger.close(id(1), 0n, '{}')
        expect(await ledger.unfinishedSessions(sat(2)), 'of what is left').toEqual([id(2)])
        expect(await ledger.unfinishedSessions(sat(1)), 'its balance is unclaimed').toEqual([id(1), id(2)])
        const claim = { agreementId: id(1), paymentHash: hash(9), request: 'lnbcrt', amount: sat(1), expiresAtMs: 1 }
        expect(await ledger.addReturn(claim)).toBe(true)
        expect(await ledger.unfinishedSessions(sat(1))).toEqual([id(2)])
        await offer(5)
        await ledger.settle(settlement(5, 1000n))
        expect(await ledger.topUp(id(5), id(1)), 'to a closed one').toBeUndefined()
        expect((await record(5)).claim).toEqual({ scheme: 'offered' })
      })
    })

    describe('what is owed', () => {
      test('is the balance of what is closed or has expired, less what is claimed, from a least amount on', async () => {
        const of = (n: number) => ({ agreementId: id(n), paymentHash: hash(n), request: 'lnbcrt', expiresAtMs: 1 })
        for (const n of [1, 2, 3, 4, 5]) await paidAgreement(n, 10_000n * BigInt(n))
        expect(await ledger.owed(0, msat(1n))).toEqual({ amount: 0n, agreements: 0 })
        await ledger.close(id(1), 4000n, '{}')
        await ledger.close(id(2), 20_000n, '{}')
        await ledger.close(id(3), 29_001n, '{}')
        expect(await ledger.owed(0, msat(1n))).toEqual({ amount: 6999n, agreements: 2 })
        expect(await ledger.owed(0, sat(1))).toEqual({ amount: 6000n, agreements: 1 })
        await ledger.addReturn({ ...of(1), amount: sat(5) })
        expect(await ledger.owed(0, sat(1))).toEqual({ amount: 1000n, agreements: 1 })
        await ledger.endReturn(hash(1), 'failed', ZERO)
        expect(await ledger.owed(0, sat(1))).toEqual({ amount: 6000n, agreements: 1 })
        const { expiresAtMs } = agreement(4)
        expect(await ledger.owed(expiresAtMs - 1, sat(1))).toMatchObject({ agreements: 1 })
        expect(await ledger.owed(expiresAtMs, sat(1))).toEqual({ amount: 96_000n, agreements: 3 })
      })
    })

    describe('forgetting', () => {
      test('takes only what was never paid and has no invoice that may still be paid, open or closed', async () => {
        await ledger.addAgreement(agreement(1), 100, [invoice(1, 150)])
        await ledger.addAgreement(agreement(2), 100, [invoice(2, 200)])
        await ledger.addAgreement(agreement(3), 200, [])
        await ledger.addAgreement(agreement(4), 100, [invoice(4, 150)])
        await ledger.settle(settlement(4, 1n))
        await ledger.addAgreement(agreement(5), 100, [])
        await ledger.close(id(5), 0n, '{}')
        expect(await ledger.countOpen()).toEqual({ unpaid: 3 })
        expect(await ledger.pruneUnpaid(200)).toBe(2)
        expect(await ledger.pruneUnpaid(200)).toBe(0)
        expect(await ledger.countOpen()).toEqual({ unpaid: 2 })
        const left = await Promise.all([1, 2, 3, 4, 5].map((n) => ledger.getAgreement(id(n))))
        expect(left.map((found) => found !== undefined)).toEqual([false, true, true, true, false])
      })

      test('leaves a trace: a payment that arrives afterwards is told once, with the index, and booked nowhere', async () => {
        await ledger.addAgreement(agreement(1), 100, [invoice(1, 150), invoice(2, 150)])
        expect(await ledger.pruneUnpaid(200)).toBe(1)
        expect(await ledger.settle(settlement(1, 1234n, 7n))).toEqual({
          agreementId: id(1),
          paid: 1234n,
          forgotten: true,
        })
        expect(await ledger.settle(settlement(1, 1234n, 7n))).toBeUndefined()
        expect(await ledger.settle(settlement(99, 1n, 8n))).toBeUndefined()
        expect(await ledger.settlementIndex()).toBe(8n)
        expect(await ledger.getAgreement(id(1))).toBeUndefined()
      })

      test('and paying give places free in the order of age', async () => {
        expect(await ledger.oldestUnpaidMs()).toBeUndefined()
        await ledger.addAgreement(agreement(1), 300, [invoice(1)])
        await ledger.addAgreement(agreement(2), 100, [invoice(2, 50), invoice(3, 70), invoice(4, 60)])
        expect(await ledger.oldestUnpaidMs()).toBe(100)
        expect(await ledger.nextInvoiceExpiryMs(id(2), 0)).toBe(50)
        expect(await ledger.nextInvoiceExpiryMs(id(2), 50)).toBe(60)
        expect(await ledger.nextInvoiceExpiryMs(id(2), 70)).toBeUndefined()
        expect(await ledger.nextInvoiceExpiryMs(id(9), 0)).toBeUndefined()
        await ledger.settle(settlement(2, 1n))
        expect(await ledger.oldestUnpaidMs()).toBe(300)
        expect(await ledger.nextInvoiceExpiryMs(id(2), 0)).toBe(60)
      })

      test('counts an agreement as paid from its first payment, and not when it is closed', async () => {
        expect(await ledger.countOpen()).toEqual({ unpaid: 0 })
        await ledger.addAgreement(agreement(1), 1, [invoice(1), invoice(2)])
        await ledger.addAgreement(agreement(1), 1, [])
        await ledger.addAgreement(agreement(2), 1, [])
        expect(await ledger.countOpen()).toEqual({ unpaid: 2 })
        await ledger.settle(settlement(1, 1n))
        await ledger.settle(settlement(2, 1n))
        expect(await ledger.countOpen()).toEqual({ unpaid: 1 })
        await ledger.close(id(2), 0n, '{}')
        expect(await ledger.countOpen()).toEqual({ unpaid: 0 })
      })
    })
  })
}
