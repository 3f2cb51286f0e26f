import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeyedBuckets, TokenBucket } from './buckets.ts'

describe('a bucket', () => {
  test('gives its burst at once, and then as much as it gains', () => {
    const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, 1000)
    for (let i = 0; i < 3; i++) expect(bucket.take(1, 1000)).toBe(0)
    expect(bucket.take(1, 1000)).toBe(500)
    expect(bucket.take(1, 1499)).toBe(1)
    expect(bucket.take(1, 1500)).toBe(0)
    expect(bucket.take(2, 1500)).toBe(1000)
    expect(bucket.take(3, 1_000_000), 'never more than its burst').toBe(0)
    expect(bucket.take(1, 1_000_000)).toBe(500)
  })

  test('gives what is more than it holds from a full one, and takes back no more than it held', () => {
    const bucket = new TokenBucket({ burst: 3, perSecond: 1 }, 0)
    expect(bucket.take(16, 0)).toBe(0)
    expect(bucket.take(16, 0)).toBe(3000)
    bucket.giveBack(99)
    expect(bucket.take(3, 0)).toBe(0)
    expect(bucket.take(1, 0)).toBe(1000)
  })

  test('bears a clock that does not move, or moves back', () => {
    const bucket = new TokenBucket({ burst: 1, perSecond: 1 }, 5000)
    expect(bucket.take(1, 5000)).toBe(0)
    expect(bucket.take(1, 4000)).toBe(1000)
    expect(bucket.take(1, 5000)).toBe(0)
  })
})

test('whatever is asked when, no more is given than burst and rate allow, and who waits as long as it is told gets it', () => {
  const rate = fc.record({ burst: fc.integer({ min: 1, max: 20 }), perSecond: fc.integer({ min: 1, max: 50 }) })
  const asked = fc.array(fc.record({ afterMs: fc.nat(400), count: fc.integer({ min: 1, max: 20 }) }), { maxLength: 60 })
  fc.assert(
    fc.property(rate, asked, ({ burst, perSecond }, asks) => {
      const bucket = new TokenBucket({ burst, perSecond }, 0)
      let nowMs = 0
      let given = 0
      for (const { afterMs, count } of asks) {
        nowMs += afterMs
        const wanted = Math.min(count, burst)
        const waitMs = bucket.take(count, nowMs)
        if (waitMs > 0) {
          nowMs += waitMs
          expect(bucket.take(count, nowMs)).toBe(0)
        }
        given += wanted
        expect(given).toBeLessThanOrEqual(burst + (nowMs / 1000) * perSecond + 1e-6)
      }
    }),
  )
})

test('buckets have one for each key, of so many keys, and forget the one that was used longest ago', () => {
  const buckets = new KeyedBuckets({ burst: 1, perSecond: 1 }, 2)
  expect(buckets.of('a', 0).take(1, 0)).toBe(0)
  expect(buckets.of('b', 0).take(1, 0)).toBe(0)
  expect(buckets.of('a', 0).take(1, 0)).toBeGreaterThan(0)
  for (let i = 0; i < 1000; i++) buckets.of(`${i}`, 0)
  expect(buckets.size).toBe(2)
  expect(buckets.of('a', 0).take(1, 0)).toBe(0)
  buckets.of('c', 0)
  expect(buckets.of('a', 0).take(1, 0), 'still known').toBeGreaterThan(0)
})

test('takes what is there where all is not needed', () => {
  const bucket = new TokenBucket({ burst: 10, perSecond: 2 }, 0)
  expect(bucket.takeUpTo(4, 0)).toBe(4)
  expect(bucket.takeUpTo(100, 0)).toBe(6)
  expect(bucket.takeUpTo(1, 0)).toBe(0)
  expect(bucket.takeUpTo(100, 1250)).toBe(2)
  bucket.giveBack(3)
  expect(bucket.takeUpTo(100, 1250)).toBe(3)
})
