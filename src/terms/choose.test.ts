import { describe, expect, it } from 'vitest'
import { readPriceSpec } from '../money/tariff.ts'
import { cheapestFirst, comparedPrice, isWorthLeaving } from './choose.ts'

const asked = (spec: Parameters<typeof readPriceSpec>[0]) => readPriceSpec(spec)
const order = (specs: Parameters<typeof readPriceSpec>[0][]) =>
  cheapestFirst(
    specs.map((spec, index) => ({ index, spec })),
    ({ spec }) => asked(spec),
  ).map(({ index }) => index)

describe('several offers', () => {
  it('are put in the order of their price per unit, exactly', () => {
    expect(order(['1 sat/1k tokens', '999 msat/1k tokens', '1 sat/1001 tokens', '2 sat/2k tokens'])).toEqual([
      1, 2, 0, 3,
    ])
    expect(order(['1 sat/MiB', '1 sat/MB', '1 sat/GiB'])).toEqual([2, 0, 1])
    expect(order([])).toEqual([])
  })

  it('in another unit than the first come last', () => {
    expect(order(['9 sat/1k tokens', '1 msat/s', '8 sat/1k tokens'])).toEqual([2, 0, 1])
  })

  it('of tariffs go by what a request costs that uses what is expected', () => {
    const [talker, thinker] = [
      { input: '1 msat/token', output: '5 msat/token' },
      { input: '5 msat/token', output: '2 msat/token' },
    ]
    expect(order([thinker, talker])).toEqual([1, 0])
    const counts = { upload: 0n, input: 10n, output: 10_000n, extra: 0n }
    expect(comparedPrice(asked(thinker), counts).msat).toBeLessThan(comparedPrice(asked(talker), counts).msat)
    expect(order([thinker, '6999 msat/request', '7001 msat/request'])).toEqual([1, 0, 2])
  })

  it('are worth a change when they are cheaper by so many per cent', () => {
    const own = asked('1 sat/1k tokens')
    expect(isWorthLeaving(own, asked('950 msat/1k tokens'), 5)).toBe(true)
    expect(isWorthLeaving(own, asked('951 msat/1k tokens'), 5)).toBe(false)
    expect(isWorthLeaving(own, asked('1 sat/1k tokens'), 0)).toBe(false)
    expect(isWorthLeaving(own, asked('999 msat/1k tokens'), 0)).toBe(true)
    expect(isWorthLeaving(own, asked('1 msat/s'), 5)).toBe(false)
    expect(isWorthLeaving(asked('0 sat/token'), asked('0 sat/token'), 0)).toBe(false)
  })
})
