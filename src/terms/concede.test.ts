import { describe, expect, it } from 'vitest'
import { MAX_MSAT } from '../money/msat.ts'
import { MAX_PER, price } from '../money/price.ts'
import { between } from './concede.ts'

const tokens = (msat: bigint, per: bigint) => price(msat, per, 'token')

describe('between', () => {
  it('keeps the count that people wrote, where the price has one', () => {
    const [from, to] = [tokens(1000n, 1000n), tokens(600n, 1000n)]
    expect([0, 1, 2, 3, 4].map((step) => between(from, to, step, 4))).toEqual([
      from,
      tokens(900n, 1000n),
      tokens(800n, 1000n),
      tokens(700n, 1000n),
      to,
    ])
    expect(between(tokens(1n, 1n), tokens(2n, 1n), 1, 2)).toEqual(tokens(3n, 2n))
  })

  it('does not leave its two ends', () => {
    const [from, to] = [tokens(1000n, 1000n), tokens(600n, 1000n)]
    expect(between(from, to, -1, 4)).toBe(from)
    expect(between(from, to, 5, 4)).toBe(to)
  })

  it('is exact up to the largest count of steps that a price may have', () => {
    const per = MAX_PER / 4n
    expect(between(tokens(1000n, per), tokens(600n, per), 1, 4)).toEqual(tokens(900n, per))
    // counts with a common divisor need no larger one than either
    expect(between(tokens(1001n, per - 1n), tokens(600n, per - 1n), 1, 4)).toEqual(
      tokens(1201n, (4n * (per - 1n)) / 3n),
    )
  })

  it('is never rounded to before where it began', () => {
    const [third, less] = [tokens(1n, 3n), tokens(333_333_333_333_332n, 999_999_999_999_999n)]
    expect(between(third, less, 1, 20)).toBe(third)
    expect(between(less, third, 1, 20)).toBe(less)
  })

  it('stays where it is between equal prices, however they are written', () => {
    const odd = tokens(7n, MAX_PER - 1n)
    expect(between(odd, odd, 1, 3)).toBe(odd)
  })

  it('comes down from the highest price there is', () => {
    expect(between(tokens(MAX_MSAT, 1n), tokens(0n, 1n), 1, 2)).toEqual(tokens(MAX_MSAT / 2n, 1n))
  })
})
