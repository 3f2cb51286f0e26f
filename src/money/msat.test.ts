import { describe, expect, it } from 'vitest'
import { formatMsat, MAX_MSAT, max, min, minus, msat, parseMsat, parseWireMsat, sat, toMsat, ZERO } from './msat.ts'
import { codeThrownBy, messageThrownBy } from './testing/arbitraries.ts'

describe('msat', () => {
  it('lies between 0 and 21 million BTC', () => {
    expect(msat(0n)).toBe(0n)
    expect(msat(MAX_MSAT)).toBe(MAX_MSAT)
    expect(codeThrownBy(() => msat(-1n))).toBe('amount-out-of-range')
    expect(codeThrownBy(() => msat(MAX_MSAT + 1n))).toBe('amount-out-of-range')
  })

  it('counts a sat as 1000 msat', () => {
    expect(sat(20n)).toBe(20_000n)
    expect(sat(20)).toBe(20_000n)
  })

  it('never goes below zero when it subtracts', () => {
    expect(minus(5n, 3n)).toBe(2n)
    expect(minus(3n, 5n)).toBe(0n)
  })

  it('is the smaller or the larger of two, in either order', () => {
    expect(min(sat(1), ZERO)).toBe(ZERO)
    expect(min(ZERO, sat(1))).toBe(ZERO)
    expect(max(sat(1), ZERO)).toBe(sat(1))
    expect(max(ZERO, sat(1))).toBe(sat(1))
  })
})

describe('parseMsat', () => {
  it.each([
    ['10 sat', 10_000n],
    ['10sat', 10_000n],
    ['10 sats', 10_000n],
    ['10 SAT', 10_000n],
    ['1 500 msat', 1_500n],
    ['1_500_000 msat', 1_500_000n],
    ['250 mSat', 250n],
    ['0.5 sat', 500n],
    ['0.001 sat', 1n],
    ['0.001 BTC', 100_000_000n],
    ['0.00000000001 btc', 1n],
    ['21000000 BTC', MAX_MSAT],
    ['  7 sat ', 7_000n],
    ['0 sat', 0n],
  ])('reads %s', (text, expected) => {
    expect(parseMsat(text)).toBe(expected)
  })

  it.each([
    ['', 'amount-invalid'],
    ['10', 'amount-invalid'],
    ['sat', 'amount-invalid'],
    ['-1 sat', 'amount-invalid'],
    ['+1 sat', 'amount-invalid'],
    ['1e3 sat', 'amount-invalid'],
    ['0x10 sat', 'amount-invalid'],
    ['1,5 sat', 'amount-invalid'],
    ['1. sat', 'amount-invalid'],
    ['.5 sat', 'amount-invalid'],
    ['0.5 msat', 'amount-invalid'],
    ['0.0001 sat', 'amount-invalid'],
    ['0.000000000001 BTC', 'amount-invalid'],
    // a slip of the space bar must not become ten times as much
    ['1 0 sat', 'amount-invalid'],
    ['1 00 sat', 'amount-invalid'],
    ['1_ sat', 'amount-invalid'],
    ['1  000 sat', 'amount-invalid'],
    // a million sat, or a thousandth of one?
    ['5 Msat', 'amount-invalid'],
    ['5 MSAT', 'amount-invalid'],
    ['٣ sat', 'amount-invalid'],
    ['1 satoshi', 'amount-invalid'],
    ['21000001 BTC', 'amount-out-of-range'],
    ['9999999999999999999 sat', 'amount-out-of-range'],
  ])('refuses "%s"', (text, code) => {
    expect(codeThrownBy(() => parseMsat(text))).toBe(code)
  })
})

describe('an amount that is refused', () => {
  it('is named in the message, and cut short where it is long', () => {
    expect(messageThrownBy(() => msat(-7n))).toContain('-7 msat')
    expect(messageThrownBy(() => parseMsat('ten sat'))).toContain('"ten sat"')
    expect(messageThrownBy(() => parseMsat('0.0001 sat'))).toContain('"0.0001 sat" is not a whole number of msat')
    expect(messageThrownBy(() => parseMsat('ten '.repeat(2500))).length).toBeLessThan(100)
    expect(messageThrownBy(() => parseWireMsat(1))).toContain('decimal string of msat')
  })
})

describe('toMsat', () => {
  it('takes an amount as it is, or as people write it', () => {
    expect(toMsat(sat(3))).toBe(3000n)
    expect(toMsat('3 sat')).toBe(3000n)
    expect(codeThrownBy(() => toMsat('3'))).toBe('amount-invalid')
  })
})

describe('parseWireMsat', () => {
  it('reads digits and nothing else', () => {
    expect(parseWireMsat('0')).toBe(0n)
    expect(parseWireMsat('2100000000000000000')).toBe(MAX_MSAT)
    for (const wrong of ['', '00', '01', '+1', '-1', ' 1', '1 ', '1.0', '1e3', '٣', 1, 1n, null, undefined, ['1']]) {
      expect(codeThrownBy(() => parseWireMsat(wrong))).toBe('amount-invalid')
    }
    expect(codeThrownBy(() => parseWireMsat('2100000000000000001'))).toBe('amount-out-of-range')
  })
})

describe('formatMsat', () => {
  it.each([
    [0n, '0 sat'],
    [1n, '1 msat'],
    [999n, '999 msat'],
    [1000n, '1 sat'],
    [1500n, '1.5 sat'],
    [1001n, '1.001 sat'],
    [12_345_678n, '12 345.678 sat'],
    [1_950_000_000n, '1 950 000 sat'],
    [-1500n, '-1.5 sat'],
  ])('prints %s msat', (amount, expected) => {
    expect(formatMsat(amount)).toBe(expected)
  })
})
