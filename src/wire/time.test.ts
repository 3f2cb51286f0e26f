import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyTimeMs } from '../terms/testing/arbitraries.ts'
import { formatTime, parseTime } from './time.ts'

describe('parseTime', () => {
  it.each([
    ['2025-01-15T12:05:00Z', Date.UTC(2025, 0, 15, 12, 5)],
    ['2025-01-15t12:05:00z', Date.UTC(2025, 0, 15, 12, 5)],
    ['2025-01-15T12:05:00.5Z', Date.UTC(2025, 0, 15, 12, 5, 0, 500)],
    ['2025-01-15T12:05:00.123456789Z', Date.UTC(2025, 0, 15, 12, 5, 0, 123)],
    ['2025-01-15T13:05:00+01:00', Date.UTC(2025, 0, 15, 12, 5)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ])('reads %s', (text, expected) => {
    expect(parseTime(text)).toBe(expected)
  })

  it.each([
    '',
    '2025-01-15',
    '2025-01-15T12:05:00',
    '2025-01-15 12:05:00Z',
    '2025-13-01T00:00:00Z',
    '2025-00-01T00:00:00Z',
    '2025-01-00T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2025-02-30T00:00:00Z',
    '2025-01-15T25:00:00Z',
    '2025-01-15T12:60:00Z',
    '+012025-01-15T12:05:00Z',
    '1736942700000',
    'Wed, 15 Jan 2025 12:05:00 GMT',
  ])('refuses "%s"', (text) => {
    expect(parseTime(text)).toBeUndefined()
  })

  it('reads back what it writes, and never throws', () => {
    fc.assert(fc.property(anyTimeMs, (ms) => parseTime(formatTime(ms)) === ms))
    const almost = fc.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/)
    fc.assert(
      fc.property(fc.oneof(fc.string(), almost), (text) => ['number', 'undefined'].includes(typeof parseTime(text))),
    )
  })
})
