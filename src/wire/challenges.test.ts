import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sat } from '../money/msat.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { createIntentChallenge } from './challenge.ts'
import { readChallenges } from './challenges.ts'
import { formatChallenge } from './header.ts'
import { formatL402 } from './l402/header.ts'
import { encodeChargeRequest } from './mpp/charge.ts'
import { encodeSessionRequest } from './mpp/session.ts'
import { anyChallenge } from './testing/arbitraries.ts'
import { invoice, nowMs, offer, challengeSecret as secret, challenge as stream } from './testing/fixtures.ts'

const bound = { secret, realm: 'api.example.com', expiresAtMs: nowMs }
const charge = { amount: sat(20), invoice }
const session = { amount: sat(1), paymentHash: 'ef'.repeat(32), depositInvoice: invoice }
const chargeChallenge = createIntentChallenge({ ...bound, intent: 'charge', request: encodeChargeRequest(charge) })
const sessionChallenge = createIntentChallenge({ ...bound, intent: 'session', request: encodeSessionRequest(session) })
const l402 = { token: 'AgEA', invoice }
const lines = [
  formatChallenge(stream),
  formatChallenge(sessionChallenge),
  formatChallenge(chargeChallenge),
  ...formatL402(l402),
]
const expected = [
  { scheme: 'stream', challenge: stream, offer },
  { scheme: 'session', challenge: sessionChallenge, request: session },
  { scheme: 'charge', challenge: chargeChallenge, request: charge },
  { scheme: 'l402', challenge: l402 },
]

describe('readChallenges', () => {
  it('reads every way to pay of one 402, in lines or joined', () => {
    expect(readChallenges(lines)).toEqual({ options: expected, skipped: [] })
    expect(readChallenges(lines.join(', '))).toEqual({ options: expected, skipped: [] })
  })

  it('names what it cannot use, and keeps the rest', () => {
    const foreign = formatChallenge({ ...chargeChallenge, method: 'tempo' })
    const wrong = formatChallenge({ ...chargeChallenge, request: 'e30' })
    const { options, skipped } = readChallenges([foreign, wrong, 'L402 macaroon="x"', 'Payment id="x"', ...lines])
    expect(options).toEqual(expected)
    expect(skipped.map(({ scheme }) => scheme)).toEqual(['tempo/charge', 'lightning/charge', 'l402', 'Payment'])
    expect(skipped[1]?.reason).toContain('currency')
  })

  it('finds nothing where there is nothing', () => {
    expect(readChallenges('Bearer realm="x"')).toEqual({ options: [], skipped: [] })
  })

  it('never throws for what is within bounds', () => {
    const line = fc.oneof(anyChallenge.map(formatChallenge), fc.string(), fc.constantFrom(...lines))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (header) => {
        const { options } = readChallenges(header)
        expect(options.length).toBeLessThanOrEqual(header.length * 4)
      }),
      { numRuns: 2000 },
    )
    expect(codeThrownBy(() => readChallenges('x'.repeat(70_000)))).toBe('challenge-malformed')
  })
})
