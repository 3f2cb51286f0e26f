import fc from 'fast-check'
import { expect, test } from 'vitest'
import { costDown } from './price.ts'
import { formatTariff, readPriceSpec, sameTariff, type Tariff, tariffBase, tariffCost, tariffWithin } from './tariff.ts'
import { tariffs } from './testing/tariffs.ts'

const any = tariffs('byte', 'token', 'second', 'play-second', 'image')
const count = fc.bigInt(0n, 1_000_000n)
const counts = fc.record({ upload: count, input: count, output: count, extra: count })

test('more of anything never costs less, and nothing costs less than the base', () => {
  fc.assert(
    fc.property(any, counts, counts, (tariff, a, b) => {
      const sum = {
        upload: a.upload + b.upload,
        input: a.input + b.input,
        output: a.output + b.output,
        extra: a.extra + b.extra,
      }
      expect(tariffCost(tariff, sum)).toBeGreaterThanOrEqual(tariffCost(tariff, a))
      expect(tariffCost(tariff, a)).toBeGreaterThanOrEqual(tariffBase(tariff))
    }),
    { numRuns: 1000 },
  )
})

test('it is the sum of its charges, each as a price of its own would cost', () => {
  fc.assert(
    fc.property(any, counts, (tariff, of) => {
      const parts = (['upload', 'input', 'output'] as const).map((name) => {
        const charge = tariff[name]
        return charge ? costDown(charge, of[name]) : 0n
      })
      const sum = parts.reduce((total, part) => total + part, (tariff.request ?? 0n) + of.extra)
      expect(tariffCost(tariff, of)).toBe(sum > (tariff.minimum ?? 0n) ? sum : tariff.minimum)
    }),
  )
})

/** The tariff with some of its charges left out, and the others cut by so many msat. */
function lowered(tariff: Tariff, cut: bigint, leftOut: readonly string[]): Tariff {
  const less = (amount: bigint) => (amount > cut ? amount - cut : 0n)
  const kept = Object.entries(tariff).filter(([name]) => !leftOut.includes(name))
  return Object.fromEntries(
    kept.map(([name, it]) => [name, typeof it === 'bigint' ? less(it) : { ...it, msat: less(it.msat) }]),
  )
}

test('a tariff within another costs no more, whatever is counted', () => {
  const names = fc.subarray(['request', 'upload', 'input', 'minimum', 'extra'])
  fc.assert(
    fc.property(any, fc.bigInt(0n, 3000n), names, counts, (tariff, cut, leftOut, of) => {
      const cheaper = lowered(tariff, cut, leftOut)
      expect(tariffWithin(cheaper, tariff)).toBe(true)
      expect(tariffCost(cheaper, of)).toBeLessThanOrEqual(tariffCost(tariff, of))
    }),
  )
})

test('what was read is read again, and is printed', () => {
  fc.assert(
    fc.property(any, (tariff) => {
      expect(sameTariff(readPriceSpec(tariff).tariff, tariff)).toBe(true)
      expect(formatTariff(tariff)).not.toBe('')
    }),
  )
})
