import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Msat, msat } from '../../money/msat.ts'
import { divide } from './shares.ts'

const weights = fc
  .array(fc.bigInt({ min: 0n, max: 100_000n }), { minLength: 1, maxLength: 8 })
  .filter((list) => list.some((weight) => weight > 0n))
  .map((list) => new Map(list.map((weight, i) => [`r${i}`, weight])))
const steps = fc.array(fc.oneof(fc.bigInt({ min: 0n, max: 5n }), fc.bigInt({ min: 0n, max: 10n ** 12n })), {
  maxLength: 60,
})

it('sums are exact after every step, nothing is taken back, and each is within an msat or so of its part', () => {
  fc.assert(
    fc.property(weights, steps, (parts, gains) => {
      const sum = [...parts.values()].reduce((a, b) => a + b, 0n)
      let given: ReadonlyMap<string, Msat> = new Map()
      let earned = 0n
      for (const gain of gains) {
        earned += gain
        const next = divide(parts, given, msat(earned))
        expect([...next.values()].reduce((a, b) => a + b, 0n)).toBe(earned)
        for (const [name, weight] of parts) {
          const has = next.get(name) ?? 0n
          expect(has).toBeGreaterThanOrEqual(given.get(name) ?? 0n)
          const off = has * sum - earned * weight
          expect(off < 0n ? -off : off).toBeLessThan(BigInt(parts.size) * sum)
          if (weight === 0n) expect(has).toBe(0n)
        }
        given = next
      }
    }),
    { numRuns: 500 },
  )
})

it('gives the odd msat to whoever is furthest behind', () => {
  const thirds = new Map([
    ['a', 1n],
    ['b', 1n],
    ['c', 1n],
  ])
  let given: ReadonlyMap<string, Msat> = new Map()
  for (let earned = 1n; earned <= 30n; earned++) given = divide(thirds, given, msat(earned))
  expect([...given.values()]).toEqual([10n, 10n, 10n])
})

it('takes nothing back', () => {
  const given = new Map([['a', msat(5n)]])
  expect(() => divide(new Map([['a', 1n]]), given, msat(4n))).toThrow(RangeError)
  expect(() => divide(new Map([['a', 0n]]), given, msat(9n))).toThrow(RangeError)
})
