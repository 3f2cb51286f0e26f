import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../../money/testing/arbitraries.ts'
import { checkServiceName, formatCaveats, type Grant, readCaveats } from './caveats.ts'

const anyGrant: fc.Arbitrary<Grant> = fc.record(
  {
    tier: fc.nat(255),
    capabilities: fc.array(fc.stringMatching(/^[a-z]{1,10}$/), { maxLength: 5 }),
    validUntilMs: fc.nat(2_000_000_000).map((seconds) => seconds * 1000),
    allowance: fc.record({ steps: fc.bigInt(0n, 10n ** 18n), unit: fc.constantFrom('token', 'byte', 'image') }),
  },
  { requiredKeys: ['tier'] },
)

describe('caveats', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(anyGrant, (grant) => {
        expect(readCaveats(formatCaveats('stream', grant), 'stream')).toEqual(grant)
      }),
    )
  })

  it('restrict nothing where there are none, and only at their own service', () => {
    expect(readCaveats([], 'stream')).toEqual({})
    expect(readCaveats(['other_valid_until=1', 'valid_until=1', '=x', 'stream_valid_untilx=1'], 'stream')).toEqual({})
  })

  it('can only narrow what stands before them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }), (times) => {
        const read = () =>
          readCaveats(
            times.map((time) => `stream_valid_until=${time}`),
            'stream',
          )
        const falls = times.every((time, i) => i === 0 || time <= times[i - 1]!)
        expect(codeThrownBy(read)).toBe(falls ? undefined : 'macaroon-invalid')
        if (falls) expect(read().validUntilMs).toBe(Math.min(...times) * 1000)
      }),
    )
  })

  it.each<[string, string[]]>([
    ['a higher tier', ['services=stream:0', 'services=stream:1']],
    ['a service again that was given up', ['services=a:0,stream:0', 'services=a:0', 'services=a:0,stream:0']],
    ['names after none', ['stream_capabilities=', 'stream_capabilities=write']],
    ['an allowance with a sign', ['stream_allowance=-1:token']],
    ['an allowance without a unit', ['stream_allowance=1']],
    ['an empty list of services', ['services=']],
    ['a tier that is no number', ['services=stream:x']],
    ['a value without end', [`services=stream:0,${'a:0,'.repeat(300)}b:0`]],
  ])('refuse %s', (_, caveats) => {
    expect(codeThrownBy(() => readCaveats(caveats, 'stream'))).toBe('macaroon-invalid')
  })

  it('are refused with one error alone, whatever they say', () => {
    const name = fc.constantFrom(
      'services',
      'stream_valid_until',
      'stream_allowance',
      'stream_capabilities',
      '__proto__',
    )
    const caveat = fc.tuple(name, fc.string({ maxLength: 20 })).map((parts) => parts.join('='))
    fc.assert(
      fc.property(fc.array(fc.oneof(caveat, fc.string()), { maxLength: 8 }), (caveats) => {
        expect([undefined, 'macaroon-invalid']).toContain(codeThrownBy(() => readCaveats(caveats, 'stream')))
      }),
      { numRuns: 3000 },
    )
  })

  it('name services that cannot be mistaken', () => {
    for (const name of ['', 'a b', 'a,b', 'a:b', 'a=b', `x${'y'.repeat(64)}`]) {
      expect(codeThrownBy(() => checkServiceName(name))).toBe('option-invalid')
    }
    expect(checkServiceName('api.example-1')).toBe('api.example-1')
  })
})
