import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMsat, msat, parseMsat, parseWireMsat } from './msat.ts'
import { comparePrices, costDown, costUp, formatPrice, parsePrice, price, stepsFor } from './price.ts'
import { anyMsat, anyPrice, codeThrownBy, everydayPrice } from './testing/arbitraries.ts'

const many = { numRuns: 2000 }
const steps = fc.oneof(fc.bigInt(0n, 1000n), fc.bigInt(0n, 10n ** 9n))
const tokens = everydayPrice('token')

describe('amounts', () => {
  it('come back as they were printed', () => {
    fc.assert(
      fc.property(anyMsat, (amount) => {
        expect(parseMsat(formatMsat(amount))).toBe(amount)
        expect(parseWireMsat(`${amount}`)).toBe(amount)
        expect(parseMsat(`${amount} msat`)).toBe(amount)
      }),
      many,
    )
  })

  it('are never read from anything else, and nothing else is ever thrown', () => {
    const almost = fc.stringMatching(/^[ 0-9._+-]{0,30} ?(msat|sats?|BTC|Msat|tok|)$/)
    fc.assert(
      fc.property(fc.oneof(fc.string(), almost), (text) => {
        expect([undefined, 'amount-invalid', 'amount-out-of-range']).toContain(codeThrownBy(() => parseMsat(text)))
      }),
      many,
    )
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect([undefined, 'amount-invalid', 'amount-out-of-range']).toContain(codeThrownBy(() => parseWireMsat(value)))
      }),
      many,
    )
  })
})

describe('prices', () => {
  it('come back as they were printed', () => {
    fc.assert(
      fc.property(anyPrice(), (p) => {
        expect(parsePrice(formatPrice(p))).toEqual(p)
      }),
      many,
    )
  })

  it('are never read from anything else, and nothing else is ever thrown', () => {
    const almost = fc.stringMatching(/^[0-9. ]{0,8} ?(sat|msat)( per |\/)[0-9]{0,18} ?[kKmM]? ?[a-zA-Z0-9-]{0,40}$/)
    const codes = [undefined, 'price-invalid', 'amount-invalid', 'amount-out-of-range']
    fc.assert(
      fc.property(fc.oneof(fc.string(), almost), (text) => {
        expect(codes).toContain(codeThrownBy(() => parsePrice(text)))
      }),
      many,
    )
  })

  it('compare as a total order', () => {
    fc.assert(
      fc.property(tokens, tokens, tokens, (a, b, c) => {
        expect(comparePrices(a, a)).toBe(0)
        expect(comparePrices(a, b)).toBe(0 - comparePrices(b, a) || 0)
        if (comparePrices(a, b) <= 0 && comparePrices(b, c) <= 0) expect(comparePrices(a, c)).toBeLessThanOrEqual(0)
      }),
      many,
    )
  })

  it('are the same when both parts grow alike', () => {
    fc.assert(
      fc.property(tokens, fc.bigInt(1n, 1000n), steps, (p, factor, n) => {
        const grown = price(p.msat * factor, p.per * factor, p.unit)
        expect(comparePrices(p, grown)).toBe(0)
        expect(costDown(grown, n)).toBe(costDown(p, n))
        expect(costUp(grown, n)).toBe(costUp(p, n))
      }),
      many,
    )
  })
})

describe('costs', () => {
  it('are rounded down and up around the exact cost, by less than 1 msat', () => {
    fc.assert(
      fc.property(tokens, steps, (p, n) => {
        const exactTimesPer = n * p.msat
        expect(costDown(p, n) * p.per <= exactTimesPer).toBe(true)
        expect(costUp(p, n) * p.per >= exactTimesPer).toBe(true)
        expect(costUp(p, n) - costDown(p, n)).toBe(exactTimesPer % p.per === 0n ? 0n : 1n)
      }),
      many,
    )
  })

  it('grow with the steps and with the price', () => {
    fc.assert(
      fc.property(tokens, tokens, steps, steps, (p, q, n, more) => {
        expect(costDown(p, n + more) >= costDown(p, n)).toBe(true)
        expect(costUp(p, n + more) >= costUp(p, n)).toBe(true)
        const [low, high] = comparePrices(p, q) <= 0 ? [p, q] : [q, p]
        expect(costDown(low, n) <= costDown(high, n)).toBe(true)
        expect(costUp(low, n) <= costUp(high, n)).toBe(true)
      }),
      many,
    )
  })

  it('charge no more in pieces than on the running total', () => {
    fc.assert(
      fc.property(tokens, fc.array(fc.bigInt(0n, 1000n), { maxLength: 20 }), (p, pieces) => {
        const apart = pieces.reduce((sum, n) => sum + costDown(p, n), 0n)
        const total = pieces.reduce((sum, n) => sum + n, 0n)
        expect(apart <= costDown(p, total)).toBe(true)
      }),
    )
  })

  it('are the inverse of the steps an amount covers', () => {
    fc.assert(
      fc.property(tokens, fc.bigInt(0n, 10n ** 12n), (p, amount) => {
        const n = stepsFor(p, amount)
        if (p.msat === 0n) {
          expect(n).toBeUndefined()
        } else {
          expect(costUp(p, n!) <= amount).toBe(true)
          expect(costUp(p, n! + 1n) > amount).toBe(true)
        }
      }),
      many,
    )
  })

  it('cover nothing with nothing', () => {
    expect(stepsFor(price(1n, 1n, 'byte'), -5n)).toBe(0n)
    expect(costDown(price(1n, 1n, 'byte'), 0n)).toBe(msat(0n))
    expect(codeThrownBy(() => costDown(price(1n, 1n, 'byte'), 10n ** 19n))).toBe('amount-out-of-range')
  })
})
