import { describe, expect, test } from 'vitest'
import { sat, ZERO } from '../money/msat.ts'
import { judge, limitsAt, type Spending, strictest } from './limits.ts'

const spending = (changes: Partial<Spending> = {}): Spending => ({
  agreement: 0n,
  host: 0n,
  day: 0n,
  fees: 0n,
  total: 0n,
  caller: 0n,
  'caller-day': 0n,
  'caller-host': 0n,
  ...changes,
})

describe('a payment held against limits', () => {
  test.each(['agreement', 'host', 'day', 'total'] as const)('may use up the limit of %s, and not pass it', (limit) => {
    const spent = spending({ [limit]: sat(90) })
    expect(judge({ [limit]: sat(100) }, spent, sat(10), ZERO).over).toBeUndefined()
    expect(judge({ [limit]: sat(100) }, spent, sat(10) + 1n, ZERO).over).toEqual({
      limit,
      max: sat(100),
      spent: sat(90),
    })
  })

  test('has its fee cap held against the limit on fees, and nothing else of it', () => {
    const spent = spending({ fees: sat(4) })
    expect(judge({ fees: sat(5) }, spent, sat(1000), sat(1)).over).toBeUndefined()
    expect(judge({ fees: sat(5) }, spent, sat(1000), sat(1) + 1n).over).toMatchObject({ limit: 'fees', spent: sat(4) })
  })

  test('is free where there is no limit, and refused where the limit is zero', () => {
    expect(judge({}, spending(), 10n ** 18n, ZERO)).toEqual({ near: [] })
    expect(judge({ day: ZERO }, spending(), 1n, ZERO).over).toMatchObject({ limit: 'day' })
  })

  test('warns once, when it comes to four fifths', () => {
    const near = (spent: bigint, cost: bigint) => judge({ day: sat(100) }, spending({ day: spent }), cost, ZERO).near
    expect(near(sat(70), sat(10) - 1n)).toEqual([])
    expect(near(sat(70), sat(10))).toEqual([{ limit: 'day', max: sat(100), spent: sat(80) }])
    expect(near(sat(80), sat(10))).toEqual([])
  })

  test('that passes one limit warns of no other', () => {
    const limits = { day: sat(100), total: sat(10) }
    expect(judge(limits, spending({ day: sat(79) }), sat(11), ZERO)).toMatchObject({
      over: { limit: 'total' },
      near: [],
    })
  })
})

test('of two sets of limits each of the stricter ones holds', () => {
  expect(strictest({ day: sat(5), host: sat(1) }, { day: sat(3), total: sat(9) })).toEqual({
    day: sat(3),
    host: sat(1),
    total: sat(9),
  })
  expect(strictest({ day: undefined }, { day: ZERO })).toEqual({ day: ZERO })
  expect(strictest({ day: sat(3) }, { day: sat(5), host: undefined })).toStrictEqual({ day: sat(3) })
  expect(strictest({}, {})).toStrictEqual({})
})

test('a host with a limit of its own has that one, and all others the general one', () => {
  const kept = [
    { name: 'host', amount: sat(10), host: 'a.example' },
    { name: 'host', amount: sat(1) },
    { name: 'day', amount: sat(50) },
  ] as const
  expect(limitsAt(kept, 'a.example')).toEqual({ host: sat(10), day: sat(50) })
  expect(limitsAt(kept, 'b.example')).toEqual({ host: sat(1), day: sat(50) })
})
