import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_MSAT, msat, sat } from '../money/msat.ts'
import { creditAt, creditWithin, fixedCredit, NO_CREDIT } from './credit.ts'
import { haggledTerms } from './testing/arbitraries.ts'

describe('creditAt', () => {
  it('starts at the start and grows with what was paid, up to the most', () => {
    const credit = { start: sat(1), max: sat(10), ramp: 4n }
    expect(creditAt(credit, sat(0))).toBe(sat(1))
    expect(creditAt(credit, sat(8))).toBe(sat(3))
    expect(creditAt(credit, msat(3n))).toBe(sat(1))
    expect(creditAt(credit, sat(1000))).toBe(sat(10))
  })

  it('is bounded by its most also where start and growth together are no amount any more', () => {
    const boundless = { start: MAX_MSAT, max: MAX_MSAT, ramp: 1n }
    expect(creditAt(boundless, sat(1))).toBe(MAX_MSAT)
    expect(creditAt({ ...boundless, max: sat(2) }, MAX_MSAT)).toBe(sat(2))
  })

  it('stays where it is without a ramp', () => {
    expect(creditAt(NO_CREDIT, sat(1000))).toBe(0n)
    expect(creditAt(fixedCredit(sat(5)), sat(0))).toBe(sat(5))
    expect(creditAt(fixedCredit(sat(5)), sat(1000))).toBe(sat(5))
  })
})

describe('creditWithin', () => {
  const credit = haggledTerms.map((terms) => terms.credit)
  // start and max stay below 10 and ramps at or below 3, so nothing moves any more once 50 msat were paid
  const everyPayment = Array.from({ length: 50 }, (_, paid) => msat(BigInt(paid)))

  it('never calls a credit within another that it somewhere exceeds', () => {
    fc.assert(
      fc.property(credit, credit, (a, b) => {
        if (!creditWithin(a, b)) return
        for (const paid of everyPayment) expect(creditAt(a, paid) <= creditAt(b, paid)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('knows the credits that are within', () => {
    fc.assert(fc.property(credit, (a) => creditWithin(a, a)))
    const ramp = { start: sat(0), max: sat(10), ramp: 4n }
    expect(creditWithin(NO_CREDIT, ramp)).toBe(true)
    expect(creditWithin({ ...ramp, ramp: 8n }, ramp)).toBe(true)
    expect(creditWithin({ ...ramp, ramp: 2n }, ramp)).toBe(false)
    expect(creditWithin(fixedCredit(sat(10)), ramp)).toBe(false)
    expect(creditWithin(ramp, fixedCredit(sat(10)))).toBe(true)
    // what grows passes what stands still, wherever the other might have grown to
    expect(creditWithin(ramp, { start: sat(1), max: sat(10), ramp: 0n })).toBe(false)
    expect(creditWithin({ ...ramp, max: sat(11) }, ramp)).toBe(false)
    expect(creditWithin({ ...ramp, start: sat(1) }, ramp)).toBe(false)
    // a most that is never reached counts for nothing
    expect(creditWithin({ start: sat(1), max: sat(99), ramp: 0n }, fixedCredit(sat(1)))).toBe(true)
  })
})
