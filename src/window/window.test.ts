import { describe, expect, test } from 'vitest'
import { type Msat, msat, sat } from '../money/msat.ts'
import { decide, paymentLadder, paymentSize, sustainableRate, type WindowState } from './window.ts'

/** A window of 8 sat with nothing paid yet, payments of 1 sat or more, and money enough. */
const start: WindowState = {
  ahead: sat(8),
  credit: sat(0),
  paid: sat(0),
  inFlight: sat(0),
  unknown: sat(0),
  received: sat(0),
  demand: undefined,
  goesOn: false,
  due: sat(0),
  ratePerSecond: 0n,
  latencyMs: 100,
  smallestPayment: sat(1),
  feeFloor: sat(0),
  paymentsPerSecond: 100,
  budgetLeft: sat(1000),
}
const decided = (state: Partial<WindowState>) => decide({ ...start, ...state })
const pay = (amount: Msat) => ({ pay: amount })

describe('decide, before anything is known of the stream', () => {
  test('pays a quarter of the window', () => {
    expect(decided({})).toEqual(pay(sat(2)))
  })

  test('pays more where less would be lost on routing', () => {
    expect(decided({ feeFloor: sat(2) })).toEqual(pay(sat(2)))
    expect(decided({ feeFloor: msat(2001n) })).toEqual(pay(sat(4)))
  })
})

describe('decide, while the seller waits', () => {
  test('pays what it waits for and more, where there is room', () => {
    expect(decided({ due: msat(1500n) })).toEqual(pay(sat(2)))
    expect(decided({ due: sat(3) })).toEqual(pay(sat(3)))
    expect(decided({ due: sat(1), paid: sat(6) })).toEqual(pay(sat(2)))
  })

  test('pays just that where no more fits', () => {
    expect(decided({ due: msat(1200n), paid: msat(6500n) })).toEqual(pay(msat(1200n)))
    expect(decided({ due: msat(1n), paid: sat(7) })).toEqual(pay(sat(1)))
  })

  test('names the window that would do where not even that fits', () => {
    expect(decided({ due: sat(1), paid: msat(7500n) })).toEqual({ wait: 'window', need: msat(8500n) })
    expect(decided({ due: sat(9), received: msat(500n) })).toEqual({ wait: 'window', need: sat(9) })
  })

  test('waits for the payments that are on their way, but not for those of which nothing is known', () => {
    const full = { due: sat(1), paid: msat(6500n), inFlight: sat(1) }
    expect(decided(full)).toEqual({ wait: 'window' })
    expect(decided({ ...full, unknown: sat(1) })).toEqual({ wait: 'window', need: msat(8500n) })
    expect(decided({ ...full, unknown: msat(999n) })).toEqual({ wait: 'window' })
  })
})

describe('decide, when the window is full', () => {
  test('waits for what was paid to be received', () => {
    expect(decided({ paid: sat(7) })).toEqual({ wait: 'window' })
    expect(decided({ paid: sat(6) })).toEqual(pay(sat(2)))
    expect(decided({ paid: sat(9), received: sat(3) })).toEqual(pay(sat(2)))
  })
})

describe('decide, where the end is known', () => {
  test('pays no more than what can still come', () => {
    expect(decided({ demand: sat(5) })).toEqual(pay(sat(2)))
    expect(decided({ demand: msat(1500n) })).toEqual(pay(msat(1500n)))
    expect(decided({ demand: sat(2), paid: msat(700n) })).toEqual(pay(msat(1300n)))
  })

  test('rounds the rest up to the smallest payment, and to one worth its routing', () => {
    expect(decided({ demand: msat(200n) })).toEqual(pay(sat(1)))
    expect(decided({ demand: msat(200n), feeFloor: msat(1400n) })).toEqual(pay(msat(1400n)))
  })

  test('pays nothing once all is paid for', () => {
    expect(decided({ demand: sat(3), paid: sat(3) })).toEqual({ wait: 'demand' })
    expect(decided({ demand: sat(0) })).toEqual({ wait: 'demand' })
  })
})

describe('decide, near the end of the budget', () => {
  test('pays what is left, down to the smallest payment', () => {
    expect(decided({ budgetLeft: sat(2) })).toEqual(pay(sat(2)))
    expect(decided({ budgetLeft: msat(1500n) })).toEqual(pay(msat(1500n)))
    expect(decided({ budgetLeft: sat(1) })).toEqual(pay(sat(1)))
    expect(decided({ budgetLeft: msat(999n) })).toEqual({ wait: 'budget' })
  })

  test('pays nothing that would not make the seller go on', () => {
    expect(decided({ due: sat(3), budgetLeft: sat(3) })).toEqual(pay(sat(3)))
    expect(decided({ due: sat(3), budgetLeft: msat(2999n) })).toEqual({ wait: 'budget' })
  })
})

describe('decide, for requests that come one after the other', () => {
  const part = { goesOn: true, demand: sat(2), ratePerSecond: 1000n }

  test('pays for each what it needs, as long as the wallet sustains that', () => {
    expect(decided({ ...part, paymentsPerSecond: 0.5 })).toEqual(pay(sat(2)))
  })

  test('pays for those that follow, where its share of the wallet is smaller, and as far as there is room', () => {
    expect(decided({ ...part, paymentsPerSecond: 0.4 })).toEqual(pay(sat(4)))
    expect(decided({ ...part, credit: sat(1), paymentsPerSecond: 0.4 })).toEqual(pay(sat(8)))
    expect(decided({ ...part, credit: sat(1), paid: sat(1), paymentsPerSecond: 0.4 })).toEqual(pay(sat(4)))
    expect(decided({ ...part, demand: sat(7), paid: sat(6), paymentsPerSecond: 0.1 })).toEqual(pay(sat(2)))
  })

  test('pays nothing while all that was asked for is paid, and no more for a single one', () => {
    expect(decided({ ...part, paid: sat(2), paymentsPerSecond: 0.1 })).toEqual({ wait: 'demand' })
    expect(decided({ ...part, goesOn: false, paymentsPerSecond: 0.4 })).toEqual(pay(sat(2)))
  })
})

describe('paymentSize', () => {
  const size = (state: Partial<WindowState>) => paymentSize({ ...start, ...state })

  test('leaves three payment times of consumption in the window', () => {
    // 10 sat/s for 100 ms: 1 sat a payment time
    expect(size({ ratePerSecond: 10_000n })).toBe(sat(4))
    expect(size({ ratePerSecond: 20_000n })).toBe(sat(2))
    // no less than the smallest payment stays, however slow the stream
    expect(size({ ratePerSecond: 10n })).toBe(sat(4))
  })

  test('leaves just over one where three do not fit', () => {
    expect(size({ ratePerSecond: 40_000n })).toBe(sat(2))
  })

  test('counts on the credit as on the window', () => {
    expect(size({ ratePerSecond: 40_000n, credit: sat(8) })).toBe(sat(4))
  })

  test('is the whole window where none fits: smaller ones would not help', () => {
    expect(size({ ratePerSecond: 70_000n })).toBe(sat(8))
  })

  test('is large enough for the payments a second that the wallet sustains', () => {
    expect(size({ ratePerSecond: 40_000n, paymentsPerSecond: 20.9 })).toBe(sat(2))
    expect(size({ ratePerSecond: 40_000n, paymentsPerSecond: 19.9 })).toBe(sat(8))
    expect(size({ ratePerSecond: 1000n, paymentsPerSecond: 0.5 })).toBe(sat(4))
  })

  test('takes a begun millisecond for a whole one', () => {
    expect(size({ ratePerSecond: 1_330_000n, latencyMs: 0.1, paymentsPerSecond: 10_000 })).toBe(sat(4))
    expect(size({ ratePerSecond: 1_334_000n, latencyMs: 0.1, paymentsPerSecond: 10_000 })).toBe(sat(2))
  })
})

describe('paymentLadder', () => {
  test('halves the window down to the smallest payment, in six rungs at most', () => {
    expect(paymentLadder(sat(8), sat(1))).toEqual([sat(8), sat(4), sat(2), sat(1)])
    expect(paymentLadder(sat(64), sat(1))).toHaveLength(6)
  })

  test('is in whole sat, and in msat below one', () => {
    expect(paymentLadder(msat(10_500n), msat(600n))).toEqual([sat(10), sat(5), sat(2), sat(1), msat(656n)])
    expect(paymentLadder(msat(3n), msat(0n))).toEqual([3n, 1n])
  })

  test('has one rung for a window below the smallest payment', () => {
    expect(paymentLadder(msat(500n), sat(1))).toEqual([sat(1)])
    expect(paymentLadder(msat(0n), msat(0n))).toEqual([0n])
  })
})

test('windows carry what they hold once in every payment time', () => {
  expect(sustainableRate(sat(4), sat(6), 100)).toBe(100_000n)
  expect(sustainableRate(sat(4), sat(6), 0.2)).toBe(10_000_000n)
  expect(sustainableRate(sat(4), sat(6), 0)).toBe(10_000_000n)
})
