import fc from 'fast-check'
import { expect, test } from 'vitest'
import { msat } from '../money/msat.ts'
import { decide, paymentLadder, paymentSize, type WindowState } from './window.ts'

const amount = (most: bigint) => fc.bigInt(0n, most).map(msat)
const states: fc.Arbitrary<WindowState> = fc
  .record({
    ahead: amount(10n ** 7n),
    credit: amount(10n ** 7n),
    paid: amount(10n ** 9n),
    inFlight: amount(10n ** 7n),
    unknownShare: fc.bigInt(0n, 4n),
    received: amount(10n ** 9n),
    goesOn: fc.boolean(),
    demand: fc.option(amount(10n ** 8n), { nil: undefined }),
    due: fc.oneof(fc.constant(msat(0n)), amount(10n ** 6n)),
    ratePerSecond: fc.bigInt(0n, 10n ** 9n),
    latencyMs: fc.integer({ min: 1, max: 10_000 }),
    smallestPayment: fc.bigInt(1n, 10n ** 5n).map(msat),
    feeFloor: amount(10n ** 5n),
    paymentsPerSecond: fc.double({ min: 0.5, max: 100, noNaN: true }),
    budgetLeft: amount(10n ** 8n),
  })
  .map(({ unknownShare, ...state }) => ({ ...state, unknown: msat((state.inFlight * unknownShare) / 4n) }))

test('never passes ahead, never passes the budget, and never pays nothing', () => {
  fc.assert(
    fc.property(states, (state) => {
      const decision = decide(state)
      if (!('pay' in decision)) return
      expect(decision.pay > 0n).toBe(true)
      expect(state.paid + state.inFlight + decision.pay - state.received <= state.ahead).toBe(true)
      expect(decision.pay <= state.budgetLeft).toBe(true)
      expect(decision.pay >= state.smallestPayment).toBe(true)
    }),
    { numRuns: 5000 },
  )
})

test('pays nothing for what is not asked for', () => {
  fc.assert(
    fc.property(states, (state) => {
      const paidFor = msat(state.received + 1000n)
      const decision = decide({ ...state, paid: paidFor, demand: msat(1000n), due: msat(0n) })
      expect('pay' in decision).toBe(false)
    }),
  )
})

test('the ahead it names is enough for what the seller waits for, and nothing below it is while nothing is owed', () => {
  fc.assert(
    fc.property(states, (state) => {
      const decision = decide(state)
      if (!('wait' in decision) || decision.wait !== 'window' || decision.need === undefined) return
      const budgetLeft = msat(10n ** 15n)
      expect('pay' in decide({ ...state, budgetLeft, ahead: decision.need })).toBe(true)
      if (state.paid + state.inFlight < state.received) return
      expect('pay' in decide({ ...state, budgetLeft, ahead: msat(decision.need - 1n) })).toBe(false)
    }),
    { numRuns: 5000 },
  )
})

test('sizes come from a short ladder, within the window and above the smallest payment', () => {
  fc.assert(
    fc.property(states, (state) => {
      const ladder = paymentLadder(state.ahead, state.smallestPayment)
      expect(ladder.length).toBeGreaterThan(0)
      expect(ladder.length).toBeLessThanOrEqual(8)
      expect(ladder).toContain(paymentSize(state))
      expect([...ladder].sort((a, b) => Number(b - a))).toEqual(ladder)
      for (const rung of ladder) {
        expect(rung >= state.smallestPayment).toBe(true)
        if (state.ahead >= state.smallestPayment) expect(rung <= state.ahead).toBe(true)
      }
    }),
    { numRuns: 2000 },
  )
})
