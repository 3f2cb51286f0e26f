import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { parsePrice } from '../../money/price.ts'
import { readSaid } from '../../seller/sources/upstream/prices.ts'
import { inMsat, readDecimal } from '../rates/fiat.ts'
import { modelOf } from '../routes/model.ts'
import { compilePattern, compileWildcard, matchedPath } from '../routes/pattern.ts'
import { checkConfig, parseConfig } from './read.ts'

/** Whatever comes is a value, or a mistake that is told as one. */
function onlyMistakes(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(StreamError)
    expect((error as StreamError).code).toBe('config-invalid')
  }
}

const SAMPLE =
  'listen: { port: 0 }\nrates: { USD: { value: 1, maxAge: 1h } }\nroutes:\n  - path: /a/*\n    upstream: http://x\n    price: { input: 1 sat/token, extra: 0.1 USD }\n    free: 3 requests/day\n'

test('no text makes the reader of configurations fail otherwise', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400, unit: 'binary' }), (text) => onlyMistakes(() => parseConfig(text, 'c'))),
  )
})

test('nor does a good one with a part of it changed', () => {
  fc.assert(
    fc.property(fc.nat(SAMPLE.length), fc.nat(20), fc.string({ maxLength: 20 }), (at, length, text) =>
      onlyMistakes(() => parseConfig(SAMPLE.slice(0, at) + text + SAMPLE.slice(at + length), 'c')),
    ),
    { numRuns: 500 },
  )
})

test('nor does any value that a program gives', () => {
  const value = fc.object({
    key: fc.constantFrom('routes', 'listen', 'price', 'path', 'free', 'rates', 'USD', '__proto__', 'x'),
    maxDepth: 4,
  })
  fc.assert(fc.property(value, (config) => onlyMistakes(() => checkConfig(config))))
})

test('what an upstream says of its price is an amount and a count, or refused', () => {
  const header = fc.oneof(
    fc.string(),
    fc.stringMatching(/^-?\d{1,25}(\.\d+)?( ?(m?sat|BTC))?$/),
    fc.constant(undefined),
  )
  fc.assert(
    fc.property(header, header, (cost, units) => {
      try {
        const said = readSaid((name) => (name === 'stream-cost' ? cost : units))
        if (said.cost !== undefined) expect(said.cost).toBeGreaterThanOrEqual(0n)
        if (said.units !== undefined) expect(said.units).toBeGreaterThanOrEqual(0n)
        expect([said.cost === undefined, said.units === undefined]).toEqual([cost === undefined, units === undefined])
      } catch (error) {
        expect(error instanceof StreamError || error instanceof RangeError).toBe(true)
      }
    }),
  )
})

test('a price in a currency is never more in msat than it says', () => {
  const decimal = fc
    .tuple(fc.bigInt(1n, 10n ** 9n), fc.nat(999_999))
    .map(([whole, part]) => `${whole}.${`${part}`.padStart(6, '0')}`)
  fc.assert(
    fc.property(decimal, decimal, (amount, rate) => {
      const { digits, scale } = readDecimal(rate)!
      let text: string
      try {
        text = inMsat(`${amount} USD/1k tokens`, { digits, scale })
      } catch (error) {
        expect(error).toMatchObject({ code: 'price-invalid' })
        return
      }
      const msat = BigInt(text.slice(0, text.indexOf(' ')))
      const exact = readDecimal(amount)!
      expect(msat * exact.scale * digits).toBeLessThanOrEqual(exact.digits * 100_000_000_000n * scale)
      expect((msat + 1n) * exact.scale * digits).toBeGreaterThan(exact.digits * 100_000_000_000n * scale)
      if (msat <= 21n * 10n ** 17n) expect(parsePrice(text)).toMatchObject({ unit: 'token', per: 1000n })
    }),
  )
})

test('no path and no body makes matching fail, or take its time', () => {
  const pattern = compilePattern('/v1/*a*b*c*/**')
  const model = compileWildcard('a*b*c*d')
  fc.assert(
    fc.property(fc.string({ maxLength: 2000 }), fc.uint8Array({ maxLength: 500 }), (text, body) => {
      const path = matchedPath(`/${text}`)
      if (path !== undefined) pattern.matches(path)
      model(text)
      try {
        modelOf(body)
      } catch (error) {
        expect(error).toMatchObject({ code: 'request-refused' })
      }
    }),
  )
})
