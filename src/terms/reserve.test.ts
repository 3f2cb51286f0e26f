import { describe, expect, it } from 'vitest'
import { msat, sat } from '../money/msat.ts'
import { comparePrices, formatPrice, parsePrice } from '../money/price.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { applyPolicy } from './answer.ts'
import { fixedCredit } from './credit.ts'
import type { PolicyContext } from './policy.ts'
import {
  always,
  bargain,
  byHours,
  byLoad,
  byVolume,
  clockOf,
  comeDownTo,
  highestOf,
  lowestOf,
  readClock,
  readReserve,
  reserveAt,
} from './reserve.ts'
import type { Terms } from './terms.ts'
import { offerAt } from './testing/offers.ts'

const at = (text: string) => parsePrice(`${text}/1k tokens`)
const listed: Terms = { price: at('1 sat'), credit: fixedCredit(sat(2)), smallestPayment: sat(1) }
const bid = (price: string, rest: Partial<Terms> = {}): Terms => ({ ...listed, price: at(price), ...rest })
const context = (rest: Partial<PolicyContext> = {}): PolicyContext => ({
  ...{ listed, round: 0, rounds: 4, nowMs: 0, streams: 0 },
  ...rest,
})
const time = (text: string): number => Date.parse(`2026-01-15T${text}:00Z`)

describe('a reserve', () => {
  it.each([
    ['700 msat/1k tokens', '700 msat/1k tokens'],
    ['2 sat/1k tokens', '1 sat/1k tokens'],
    ['70%', '700 msat/1k tokens'],
    ['12.5 %', '125 msat/1k tokens'],
    ['33.333%', '33333 msat/100k tokens'],
    ['100%', '1 sat/1k tokens'],
    ['0%', '0 sat/1k tokens'],
  ])('%s of 1 sat/1k tokens is %s', (text, price) => {
    expect(comparePrices(reserveAt(readReserve(text), listed.price), parsePrice(price))).toBe(0)
  })

  it('is rounded up where a price cannot say it', () => {
    const odd = { msat: 1n, per: 10n ** 15n, unit: 'token' }
    expect(reserveAt(readReserve('50%'), odd)).toEqual(odd)
  })

  it.each(['', '101%', '-5%', '5.1234%', 'half', '%', '1 sat'])('"%s" is none', (text) => {
    expect(codeThrownBy(() => readReserve(text))).toMatch(/^price-invalid|amount-invalid$/)
  })
})

describe('rules', () => {
  it('by load: as low as it goes when idle, the list when busy, and equal steps between', () => {
    const rule = byLoad({ streams: 4, price: readReserve('60%') })
    const prices = [0, 1, 2, 3, 4, 99].map((streams) => formatPrice(rule(bid('1 msat'), context({ streams }))))
    const steps = ['600', '700', '800', '900'].map((price) => `${price} msat/1k tokens`)
    expect(prices).toEqual([...steps, '1 sat/1k tokens', '1 sat/1k tokens'])
    for (const streams of [0, -1, 1.5, Number.NaN, 1e9]) {
      expect(codeThrownBy(() => byLoad({ streams, price: at('1 sat') }))).toBe('option-invalid')
    }
  })

  it('by volume: the lowest that the size of the payments reaches', () => {
    const rule = byVolume([
      { from: sat(10), price: at('800 msat') },
      { from: sat(100), price: readReserve('50%') },
    ])
    const of = (smallestPayment: bigint) =>
      formatPrice(rule(bid('1 msat', { smallestPayment: msat(smallestPayment) }), context()))
    expect([1000n, 10_000n, 99_999n, 100_000n].map(of)).toEqual([
      '1 sat/1k tokens',
      '800 msat/1k tokens',
      '800 msat/1k tokens',
      '500 msat/1k tokens',
    ])
  })

  it('by hours: from one time to the other, over midnight too, by the clock of the zone', () => {
    const rule = (from: string, to: string, zone?: string) => (clock: string) =>
      formatPrice(byHours([{ from, to, price: at('500 msat'), zone }])(bid('1 msat'), context({ nowMs: time(clock) })))
    const [low, high] = ['500 msat/1k tokens', '1 sat/1k tokens']
    expect(['08:59', '09:00', '16:59', '17:00'].map(rule('09:00', '17:00'))).toEqual([high, low, low, high])
    expect(['21:59', '22:00', '00:00', '05:59', '06:00'].map(rule('22:00', '06:00'))).toEqual([
      high,
      low,
      low,
      low,
      high,
    ])
    expect(['00:00', '12:00'].map(rule('00:00', '00:00'))).toEqual([low, low])
    // In January Berlin is an hour ahead.
    expect(['08:00', '07:59', '15:59', '16:00'].map(rule('09:00', '17:00', 'Europe/Berlin'))).toEqual([
      low,
      high,
      low,
      high,
    ])
    for (const text of ['24:00', '7:00', '07:60', '', '0700']) {
      expect(codeThrownBy(() => readClock(text))).toBe('option-invalid')
    }
    expect(codeThrownBy(() => clockOf('Nowhere'))).toBe('option-invalid')
    expect(clockOf('UTC')(-60_000)).toBe(24 * 60 - 1)
  })

  it('together: any reason, or all of them', () => {
    const [half, most] = [always(readReserve('50%')), always(readReserve('90%'))]
    expect(formatPrice(lowestOf(half, most)(bid('1 msat'), context()))).toBe('500 msat/1k tokens')
    expect(formatPrice(highestOf(half, most)(bid('1 msat'), context()))).toBe('900 msat/1k tokens')
    expect(lowestOf()(bid('1 msat'), context())).toBe(listed.price)
    expect(highestOf()(bid('1 msat'), context())).toBe(listed.price)
  })
})

describe('a bargain', () => {
  const policy = bargain({ floor: at('600 msat'), load: { streams: 2, price: readReserve('10%') } })

  it('goes to the lowest that its rules give, and never below its floor', () => {
    expect(policy(bid('600 msat'), context())).toHaveProperty('accept')
    expect(policy(bid('599 msat'), context({ round: 3 }))).toEqual({ counter: bid('600 msat') })
    expect(policy(bid('700 msat'), context({ streams: 2 }))).toEqual({ counter: bid('1 sat') })
    expect(bargain({ floor: at('600 msat') })(bid('600 msat'), context({ streams: 99 }))).toHaveProperty('accept')
  })

  it('gives no credit, and no small payments, for a price that is high enough', () => {
    const bold = bid('900 msat', { credit: fixedCredit(sat(9)) })
    expect(comeDownTo(always(at('600 msat')))(bold, context())).toEqual({ counter: bid('900 msat') })
  })

  it('the floor of a wall holds whatever its policy says', () => {
    const offer = offerAt('1 sat/1k tokens')
    const giving = applyPolicy(
      (terms) => ({ accept: terms }),
      { ...offer, price: at('100 msat') },
      { listed: offer, offer, floor: at('600 msat') },
    )
    expect(giving).toMatchObject({ counter: { price: at('600 msat') } })
    const part = applyPolicy(
      () => ({ counter: { ...offer, price: at('1 msat') } }),
      { ...offer, price: at('100 msat') },
      {
        ...{ listed: offer, offer },
        floor: readReserve('75%'),
      },
    )
    expect(part).toMatchObject({ counter: { price: at('750 msat') } })
    // What is listed for less is sold for less.
    const cheap = applyPolicy(
      (terms) => ({ accept: terms }),
      { ...offer, price: at('100 msat') },
      { listed: offer, offer, floor: at('5 sat') },
    )
    expect(cheap).toMatchObject({ counter: { price: at('1 sat') } })
  })
})
