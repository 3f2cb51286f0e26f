import { describe, expect, test } from 'vitest'
import { msat, sat } from './msat.ts'
import { parsePrice } from './price.ts'
import {
  chargesOf,
  formatTariff,
  NO_COUNTS,
  PER_MSAT,
  readPriceSpec,
  sameTariff,
  type Tariff,
  tariffBase,
  tariffCost,
  tariffWithin,
} from './tariff.ts'

const chat: Tariff = {
  input: parsePrice('0.2 sat/1k tokens'),
  output: parsePrice('1 sat/1k tokens'),
  minimum: sat(1),
}
const tariff = (spec: object): Tariff => readPriceSpec(spec as never).tariff!

describe('readPriceSpec', () => {
  test('a plain price stays what it is', () => {
    expect(readPriceSpec('2 sat/play-second')).toEqual({ price: { msat: 2000n, per: 1000n, unit: 'play-second' } })
    const price = parsePrice('1 sat/MiB')
    expect(readPriceSpec(price)).toEqual({ price })
  })

  test('several charges are counted in msat', () => {
    const text = { input: '0.2 sat/1k tokens', output: '1 sat/1k tokens', minimum: '1 sat' }
    expect(readPriceSpec(text)).toEqual({ price: PER_MSAT, tariff: chat })
    expect(readPriceSpec(chat)).toEqual({ price: PER_MSAT, tariff: chat })
  })

  test.each([
    [{ upload: '1 sat/token' }, /upload is priced by the byte, not by the token/],
    [{ input: '1 sat/MiB' }, /input is priced by the token, not by the byte/],
    [{ output: '1 sat/request' }, /output is priced by what it counts, not by the request/],
    [{ output: { msat: 1n, per: 1n, unit: 'msat' } }, /not by the msat/],
    [{ output: { msat: 1n, per: 0n, unit: 'byte' } }, /1 to 10+ steps/],
    [{ outptu: '1 sat/MiB' }, /no "outptu"/],
    [{}, /charges for something/],
    [{ request: '0 sat', output: '0 sat/byte' }, /charges for something/],
  ])('refuses %o', (spec, message) => {
    expect(() => readPriceSpec(spec as never)).toThrow(message)
  })
  test('refuses amounts that are none', () => {
    expect(() => readPriceSpec({ request: 'free' })).toThrow(expect.objectContaining({ code: 'amount-invalid' }))
    expect(() => readPriceSpec({ request: -1n as never })).toThrow(
      expect.objectContaining({ code: 'amount-out-of-range' }),
    )
  })
})

describe('what a request comes to', () => {
  test('each charge is rounded down on its own total', () => {
    const both = tariff({
      input: '1 msat/3 tokens',
      output: '1 msat/4 bytes',
      upload: '1 msat/5 bytes',
      request: '7 msat',
    })
    expect(tariffCost(both, { upload: 9n, input: 5n, output: 7n, extra: 2n })).toBe(7n + 1n + 1n + 1n + 2n)
  })
  test('never less than the minimum, which is no charge of its own', () => {
    expect(tariffBase(chat)).toBe(1000n)
    expect(tariffCost(chat, { ...NO_COUNTS, input: 1000n, output: 700n })).toBe(1000n)
    expect(tariffCost(chat, { ...NO_COUNTS, input: 1000n, output: 801n })).toBe(1001n)
  })
  test('no count makes it more than all the money there is', () => {
    expect(tariffCost(chat, { ...NO_COUNTS, output: 10n ** 30n })).toBe(2_100_000_000_000_000_000n)
  })
})

describe('comparing', () => {
  test('each charge by itself', () => {
    expect(tariffWithin(chat, chat)).toBe(true)
    expect(tariffWithin({ ...chat, minimum: msat(999n) }, chat)).toBe(true)
    expect(tariffWithin({ ...chat, minimum: msat(1001n) }, chat)).toBe(false)
    expect(tariffWithin({ ...chat, input: parsePrice('201 msat/1k tokens') }, chat)).toBe(false)
    expect(tariffWithin({ ...chat, request: msat(1n) }, chat)).toBe(false)
    expect(tariffWithin({ ...chat, output: parsePrice('1 msat/MiB') }, chat)).toBe(false)
    expect(tariffWithin({ ...chat, extra: sat(1) }, chat)).toBe(false)
    expect(tariffWithin({ minimum: sat(1) }, chat)).toBe(true)
  })
  test('the same, as rationals', () => {
    expect(sameTariff(chat, { ...chat, output: parsePrice('10 msat/10 tokens') })).toBe(true)
    expect(sameTariff(undefined, undefined)).toBe(true)
    expect(sameTariff(chat, undefined)).toBe(false)
    expect(sameTariff(chat, { ...chat, minimum: msat(2000n) })).toBe(false)
    const free = (unit: string): Tariff => ({ request: sat(1), output: parsePrice(`0 sat/${unit}`) })
    expect(sameTariff(free('byte'), free('token'))).toBe(false)
    expect(sameTariff(free('byte'), { request: sat(1) })).toBe(false)
  })
  test('charges, each with its unit', () => {
    expect(chargesOf({ ...chat, extra: sat(2) }).map(([name, { unit }]) => `${name} ${unit}`)).toEqual([
      'input token',
      'output token',
      'minimum request',
      'extra request',
    ])
  })
})

test.each([
  [chat, '0.2 sat/1k input tokens', ' + 1 sat/1k output tokens, at least 1 sat/request'],
  [
    tariff({ request: '1 sat', upload: '1 sat/MiB', output: '2 sat/play-min' }),
    '1 sat/request + 1 sat/uploaded MiB',
    ' + 2 sat/play-min',
  ],
  [
    tariff({ input: '1 sat/token', output: '3 sat/image', extra: '10 sat' }),
    '1 sat/input token + 3 sat/image',
    ', up to 10 sat/request more as the seller says',
  ],
  [tariff({ minimum: '2 sat' }), 'at least 2 sat/request', ''],
])('%o for people', (given, first, rest) => {
  // An amount below a sat is printed in msat.
  expect(formatTariff(given).replace('200 msat', '0.2 sat')).toBe(first + rest)
})
