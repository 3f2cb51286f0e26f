import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { msat } from '../money/msat.ts'
import { type Scenario, simulate } from './testing/simulate.ts'

const SMALLEST = msat(1000n)

/** No payment is larger than `ahead`, so `ahead` must hold what is consumed between two payments at the pace of a quick node. */
const LEAST_PACE = 40n

/** Windows three times what is on its way, shared between ahead and credit. */
function windows(ratePerSecond: bigint, onTheWayMs: number, creditPercent: bigint): Pick<Scenario, 'ahead' | 'credit'> {
  const needed = (3n * ratePerSecond * BigInt(onTheWayMs)) / 1000n
  const total = needed > 8n * SMALLEST ? needed : 8n * SMALLEST
  const credit = (total * creditPercent) / 100n
  const between = ratePerSecond / LEAST_PACE
  return { credit: msat(credit), ahead: msat(total - credit > between ? total - credit : between) }
}

const rates = fc.tuple(fc.bigInt(1n, 9n), fc.nat(6)).map(([digit, zeroes]) => digit * 10n ** BigInt(zeroes + 2))

describe('a stream and its payer on a simulated clock', () => {
  test('windows of three times what is on its way carry it without a stall, over six orders of magnitude', () => {
    fc.assert(
      fc.property(
        rates,
        fc.constantFrom(20, 60, 200, 800, 2000, 5000),
        fc.constantFrom(0n, 20n, 50n, 80n, 90n),
        fc.constantFrom(1, 20, 150),
        (ratePerSecond, latencyMs, creditPercent, rttMs) => {
          const { ahead, credit } = windows(ratePerSecond, latencyMs + rttMs, creditPercent)
          const durationMs = 60_000 + 10 * latencyMs
          const outcome = simulate({
            ...{ ratePerSecond, ahead, credit, rttMs, durationMs },
            smallestPayment: SMALLEST,
            latencyMs: () => latencyMs,
            tickMs: 10,
          })
          expect(outcome.maxAhead).toBeLessThanOrEqual(ahead)
          expect(outcome.maxUnpaid).toBeLessThanOrEqual(credit)
          expect(outcome.stallShare).toBeLessThan(0.02)
          expect(outcome.paymentsPerSecond).toBeLessThanOrEqual(101)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('whatever the windows, the latency and its jitter, neither side is ever out by more than it allowed', () => {
    fc.assert(
      fc.property(
        rates,
        fc.bigInt(0n, 10n ** 7n).map(msat),
        fc.bigInt(0n, 10n ** 7n).map(msat),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 }),
        fc.bigInt(0n, 10n ** 8n).map(msat),
        (ratePerSecond, ahead, credit, latencies, budget) => {
          let next = 0
          const outcome = simulate({
            ...{ ratePerSecond, ahead, credit, budget, rttMs: 20, durationMs: 20_000, tickMs: 20 },
            smallestPayment: SMALLEST,
            latencyMs: () => latencies[next++ % latencies.length]!,
          })
          expect(outcome.maxAhead).toBeLessThanOrEqual(ahead)
          expect(outcome.maxUnpaid).toBeLessThanOrEqual(credit)
          expect(outcome.spent).toBeLessThanOrEqual(budget)
          expect(outcome.payments.every((amount) => amount > 0n)).toBe(true)
          expect(outcome.paymentsPerSecond).toBeLessThanOrEqual(101)
        },
      ),
      { numRuns: 150 },
    )
  })
})
