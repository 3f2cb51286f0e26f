import { describe, expect, it } from 'vitest'
import { MAX_MSAT } from './msat.ts'
import { comparePrices, formatPrice, MAX_PER, parsePrice, price, stepsPerUnit } from './price.ts'
import { codeThrownBy, messageThrownBy } from './testing/arbitraries.ts'

describe('parsePrice', () => {
  it.each([
    ['1 sat/1k tokens', 1000n, 1000n, 'token'],
    ['1 sat / 1k tokens', 1000n, 1000n, 'token'],
    ['1 sat per 1M tokens', 1000n, 1_000_000n, 'token'],
    ['1sat/ktokens', 1000n, 1n, 'ktokens'],
    ['250 msat/s', 250n, 1000n, 'second'],
    ['10 sat/min', 10_000n, 60_000n, 'second'],
    ['1 sat/5 ms', 1000n, 5n, 'second'],
    ['2 sat/MiB', 2000n, 1_048_576n, 'byte'],
    ['1 sat/kB', 1000n, 1000n, 'byte'],
    ['2 sat/request', 2000n, 1n, 'request'],
    ['2 sat/call', 2000n, 1n, 'request'],
    ['5 sat per image', 5000n, 1n, 'image'],
    ['5 sat per 3 images', 5000n, 3n, 'image'],
    ['0 sat/byte', 0n, 1n, 'byte'],
    ['0.5 sat/token', 500n, 1n, 'token'],
    // where no space tells the count from the name, a known measure wins over a multiple
    ['1 sat/5ms', 1000n, 5n, 'second'],
    ['1 sat/1min', 1000n, 60_000n, 'second'],
    ['1 sat/10MiB', 1000n, 10_485_760n, 'byte'],
    ['1 sat/10kB', 1000n, 10_000n, 'byte'],
    ['1 sat/1ktokens', 1000n, 1000n, 'token'],
    ['1 sat/5knights', 1000n, 5n, 'knight'],
    // only a count makes a plural of a name that is the seller's own
    ['1 sat/class', 1000n, 1n, 'class'],
    ['1 sat/2 classs', 1000n, 2n, 'class'],
    ['1 sat/5 sheep', 1000n, 5n, 'sheep'],
    // names that only end like a measure, or begin like one, are the seller's own
    ['1 sat/5amins', 1000n, 5n, 'amin'],
    ['1 sat/kbx', 1000n, 1n, 'kbx'],
    ['  1 sat/byte ', 1000n, 1n, 'byte'],
  ])('reads %s', (text, amount, per, unit) => {
    expect(parsePrice(text)).toEqual({ msat: amount, per, unit })
  })

  it.each<[unit: string, names: ReadonlyArray<readonly [steps: bigint, ...names: string[]]>]>([
    [
      'byte',
      [
        [1n, 'b', 'byte', 'bytes'],
        [1000n, 'kB', 'kb'],
        [1_000_000n, 'MB'],
        [1_000_000_000n, 'GB'],
        [1024n, 'KiB'],
        [1_048_576n, 'MiB'],
        [1_073_741_824n, 'GiB'],
      ],
    ],
    [
      'second',
      [
        [1n, 'ms'],
        [1000n, 's', 'sec', 'second', 'seconds'],
        [60_000n, 'min', 'minute', 'minutes'],
        [3_600_000n, 'h', 'hour', 'hours'],
      ],
    ],
    ['token', [[1n, 'tok', 'token', 'tokens']]],
    ['request', [[1n, 'req', 'request', 'requests', 'call', 'calls']]],
  ])('knows the everyday names for counting in %s', (unit, measures) => {
    for (const [steps, ...names] of measures) {
      for (const name of names) expect(parsePrice(`1 sat/${name}`)).toEqual({ msat: 1000n, per: steps, unit })
    }
  })

  it.each([
    ['', 'price-invalid'],
    ['1 sat', 'price-invalid'],
    ['1 sat/', 'price-invalid'],
    ['/byte', 'price-invalid'],
    ['1 sat/0 tokens', 'price-invalid'],
    ['1 sat/5', 'price-invalid'],
    ['1 sat/1.5 tokens', 'price-invalid'],
    ['1 sat/to_ken', 'price-invalid'],
    ['1 sat/9999999999999999 tokens', 'price-invalid'],
    [`1 sat/${'a'.repeat(33)}`, 'price-invalid'],
    ['1 sat/5ms!', 'price-invalid'],
    // nothing before the amount is left out, however far away it stands
    [`9${' '.repeat(40)}1 sat/byte`, 'price-invalid'],
    [`9${' '.repeat(40)}1 sat/5ms`, 'price-invalid'],
    ['1 sat//byte', 'amount-invalid'],
    ['1 apple/byte', 'amount-invalid'],
    ['-1 sat/byte', 'amount-invalid'],
    ['22000000 BTC/byte', 'amount-out-of-range'],
  ])('refuses "%s"', (text, code) => {
    expect(codeThrownBy(() => parsePrice(text))).toBe(code)
  })
})

describe('price', () => {
  it('checks its parts', () => {
    expect(price(MAX_MSAT, MAX_PER, 'x-2')).toEqual({ msat: MAX_MSAT, per: MAX_PER, unit: 'x-2' })
    for (const [amount, per, unit] of [
      [-1n, 1n, 'byte'],
      [MAX_MSAT + 1n, 1n, 'byte'],
      [1n, 0n, 'byte'],
      [1n, MAX_PER + 1n, 'byte'],
      [1n, 1n, ''],
      [1n, 1n, 'Byte'],
      [1n, 1n, '2x'],
      [1n, 1n, 'a'.repeat(33)],
      [1n, 1n, '__proto__'],
    ] as const) {
      expect(codeThrownBy(() => price(amount, per, unit))).toBe('price-invalid')
    }
  })

  it.each(['mb', 'kib', 'min', 'bytes', 'seconds', 'calls', 's', 'tok', 'm'])(
    'refuses "%s" as the name of a unit',
    (unit) => {
      expect(codeThrownBy(() => price(1n, 1n, unit))).toBe('price-invalid')
    },
  )

  it('says what is wrong, and cuts short what is long', () => {
    expect(messageThrownBy(() => parsePrice('a sat'))).toContain('"a sat"')
    expect(messageThrownBy(() => parsePrice('x'.repeat(10_000))).length).toBeLessThan(100)
    expect(messageThrownBy(() => price(-1n, 1n, 'byte'))).toContain('between 0 and 21 million BTC')
    expect(messageThrownBy(() => price(1n, 0n, 'byte'))).toContain(`1 to ${MAX_PER} steps`)
    expect(messageThrownBy(() => price(1n, 1n, 'Two words'))).toContain('"Two words"')
    expect(messageThrownBy(() => price(1n, 1n, 'x'.repeat(10_000))).length).toBeLessThan(100)
    expect(messageThrownBy(() => price(1n, 1n, 'mb'))).toContain('"mb" is too close to a name for counting in byte')
    expect(messageThrownBy(() => comparePrices(price(1n, 1n, 'byte'), price(1n, 1n, 'token')))).toMatch(/byte .*token/)
  })

  it('compares in one unit only', () => {
    expect(codeThrownBy(() => comparePrices(price(1n, 1n, 'byte'), price(1n, 1n, 'token')))).toBe('unit-mismatch')
    expect(stepsPerUnit('second')).toBe(1000n)
    expect(stepsPerUnit('byte')).toBe(1n)
  })
})

describe('formatPrice', () => {
  it.each([
    [price(1000n, 1000n, 'token'), '1 sat/1k tokens'],
    [price(1000n, 1_000_000n, 'token'), '1 sat/1M tokens'],
    [price(7n, 8n, 'token'), '7 msat/8 tokens'],
    [price(10_000n, 1000n, 'second'), '10 sat/s'],
    [price(10_000n, 90_000n, 'second'), '10 sat/90 s'],
    [price(1n, 1024n * 1024n, 'byte'), '1 msat/MiB'],
    [price(1n, 5n * 10n ** 9n, 'byte'), '1 msat/5 GB'],
    [price(1n, 10n ** 6n, 'byte'), '1 msat/MB'],
    [price(1n, 1n, 'image'), '1 msat/image'],
  ])('prints a price', (p, expected) => {
    expect(formatPrice(p)).toBe(expected)
  })
})
