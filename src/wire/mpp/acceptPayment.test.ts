import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAcceptPayment, parseAcceptPayment, preferred, weightOf } from './acceptPayment.ts'

const offers = ['stream', 'session', 'charge'].map((intent) => ({ method: 'lightning', intent }))
const order = (header: string | null) => preferred(header, offers).map(({ intent }) => intent)

describe('Accept-Payment', () => {
  it('comes back as it was written', () => {
    const range = fc.record({
      method: fc.constantFrom('*', 'lightning', 'tempo'),
      intent: fc.constantFrom('*', 'charge', 'x-1'),
      weight: fc.integer({ min: 0, max: 1000 }),
    })
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 8 }), (ranges) => {
        expect(parseAcceptPayment(formatAcceptPayment(ranges))).toEqual(ranges)
      }),
    )
  })

  it.each<[string | null, string[]]>([
    [null, ['stream', 'session', 'charge']],
    ['lightning/charge', ['charge']],
    ['lightning/session;q=0.5, lightning/charge', ['charge', 'session']],
    ['lightning/*, lightning/stream;q=0', ['session', 'charge']],
    ['*/charge;q=0.3, lightning/*;q=0.3', ['stream', 'session', 'charge']],
    ['tempo/charge', ['stream', 'session', 'charge']],
    ['lightning/charge;q=0', ['stream', 'session', 'charge']],
    ['lightning', ['stream', 'session', 'charge']],
    ['lightning/charge;q=1.5', ['stream', 'session', 'charge']],
  ])('%s leaves %j', (header, expected) => {
    expect(order(header)).toEqual(expected)
  })

  it('takes the most specific range', () => {
    const ranges = parseAcceptPayment('*/*;q=0.1, lightning/*;q=0.2, */charge;q=0.3, lightning/charge;q=0.4')!
    expect(weightOf(ranges, 'lightning', 'charge')).toBe(400)
    expect(weightOf(ranges, 'lightning', 'session')).toBe(200)
    expect(weightOf(ranges, 'tempo', 'charge')).toBe(300)
    expect(weightOf(ranges, 'tempo', 'session')).toBe(100)
  })

  it('never loses an offer to a header that cannot be read, and is bounded', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constant('lightning/charge,'.repeat(200))), (header) => {
        expect(order(header).length).toBeGreaterThan(0)
      }),
      { numRuns: 2000 },
    )
    expect(parseAcceptPayment('x'.repeat(3000))).toBeUndefined()
  })
})
