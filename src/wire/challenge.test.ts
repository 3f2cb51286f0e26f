import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { anyOffer } from '../terms/testing/arbitraries.ts'
import {
  type Challenge,
  challengeId,
  createChallenge,
  headerFor,
  isExpired,
  PAYMENT_AUTHORIZATION,
  verifyChallenge,
} from './challenge.ts'
import { formatChallenge, parseChallenges } from './header.ts'
import { decodeOffer } from './offer.ts'
import { challenge, nowMs, offer, challengeSecret as secret } from './testing/fixtures.ts'

const create = (overrides: Partial<Parameters<typeof createChallenge>[0]> = {}): Challenge =>
  createChallenge({ secret, realm: 'api.example.com', offer, expiresAtMs: nowMs, ...overrides })

describe('challengeId', () => {
  // Computed apart from this code: printf '%s' 'api.example.com|lightning|stream|e30|2026-01-02T03:04:05Z||' |
  //   openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01 -binary | basenc --base64url
  it('is the HMAC over seven slots, byte for byte', () => {
    const bound = { realm: 'api.example.com', method: 'lightning', intent: 'stream', request: 'e30' }
    expect(challengeId(secret, { ...bound, expires: '2026-01-02T03:04:05Z' })).toBe(
      'u3ddnIo3EfIjfp5_rQu4YDeEjtBCRjCnNp_7-Ao06Hw',
    )
    expect(challengeId(secret, bound)).toBe('282bXshvUfkQtEOxU8Bxj19wfvqjIdLIjXgdDo8t108')
    expect(challengeId(secret, { ...bound, digest: 'sha-256=:AA==:', opaque: 'e30' })).toBe(
      'WnhBcOmShUvL32B26YJLzeyvV6a0r0vw6YP5NBIJrqo',
    )
  })

  it('does not bind the description, and binds everything else', () => {
    const whole = { ...challenge, digest: 'd', opaque: 'o' }
    const id = challengeId(secret, whole)
    expect(challengeId(secret, { ...whole, description: 'other' })).toBe(id)
    for (const name of ['realm', 'method', 'intent', 'request', 'expires', 'digest', 'opaque'] as const) {
      expect(challengeId(secret, { ...whole, [name]: `${whole[name]}x` })).not.toBe(id)
    }
    // a value in one optional slot is not the same value in another
    expect(challengeId(secret, { ...challenge, digest: 'v' })).not.toBe(
      challengeId(secret, { ...challenge, opaque: 'v' }),
    )
  })
})

describe('createChallenge', () => {
  it('offers what it was given, and verifies', () => {
    fc.assert(
      fc.property(anyOffer, fc.option(fc.string({ maxLength: 50 }), { nil: undefined }), (any, description) => {
        const made = create({ offer: any, ...(description !== undefined && { description }) })
        expect(decodeOffer(made.request)).toEqual(any)
        const [read] = parseChallenges(formatChallenge(made))
        expect(verifyChallenge(secret, read!)).toBe(true)
      }),
    )
  })

  it.each(['', 'a|b', 'a"b', 'a\\b', 'a\nb', 'über', 'x'.repeat(129)])('refuses the realm "%s"', (realm) => {
    expect(codeThrownBy(() => create({ realm }))).toBe('option-invalid')
  })

  it('refuses a short secret and an endless offer', () => {
    expect(codeThrownBy(() => create({ secret: new Uint8Array(31) }))).toBe('option-invalid')
    expect(codeThrownBy(() => create({ offer: { ...offer, scope: 'x'.repeat(5000) } }))).toBe('option-invalid')
  })
})

describe('verifyChallenge', () => {
  it('knows its own, and no other', () => {
    expect(verifyChallenge(secret, challenge)).toBe(true)
    expect(verifyChallenge(new Uint8Array(32).fill(2), challenge)).toBe(false)
    expect(verifyChallenge(secret, { ...challenge, id: '' })).toBe(false)
    expect(verifyChallenge(secret, { ...challenge, id: challenge.id.slice(0, -1) })).toBe(false)
    expect(verifyChallenge(secret, { ...challenge, id: `${challenge.id}A` })).toBe(false)
    expect(verifyChallenge(secret, { ...challenge, id: challenge.id.toLowerCase() })).toBe(false)
    const { expires: _, ...endless } = challenge
    expect(verifyChallenge(secret, endless)).toBe(false)
    expect(verifyChallenge(secret, { ...challenge, opaque: 'e30' })).toBe(false)
  })
})

describe('isExpired', () => {
  it('goes by expires, and distrusts what it cannot read', () => {
    const made = create()
    expect(isExpired(made, nowMs - 1)).toBe(false)
    expect(isExpired(made, nowMs)).toBe(true)
    expect(isExpired({ ...made, expires: 'soon' }, 0)).toBe(true)
    const { expires: _, ...endless } = made
    expect(isExpired(endless, Number.MAX_SAFE_INTEGER)).toBe(false)
  })
})

describe('the header of a challenge', () => {
  const made = create({ header: PAYMENT_AUTHORIZATION })

  it('is bound, and says where the credential goes', () => {
    const [read] = parseChallenges(formatChallenge(made))
    expect(read).toEqual(made)
    expect(verifyChallenge(secret, read!)).toBe(true)
    expect(headerFor(read!)).toBe('Payment-Authorization')
    expect(headerFor({ header: 'payment-authorization' })).toBe('Payment-Authorization')
    expect(headerFor(create())).toBe('Authorization')
    expect(headerFor({ header: 'X-Other' })).toBe('Authorization')
  })

  it('may be left out of an echo, and not be put into one or changed', () => {
    const { header: _, ...echo } = made
    expect(verifyChallenge(secret, echo)).toBe(true)
    expect(verifyChallenge(secret, { ...echo, realm: 'other' })).toBe(false)
    expect(verifyChallenge(secret, { ...made, header: 'X-Other' })).toBe(false)
    expect(verifyChallenge(secret, { ...create(), header: PAYMENT_AUTHORIZATION })).toBe(false)
  })
})
