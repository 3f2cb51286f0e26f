import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SseSplitter } from './sse.ts'
import { anyBytes, cutAt, cuts, join, tokenEvent, utf8 } from './testing/chunks.ts'

function split(chunks: readonly Uint8Array[]) {
  const splitter = new SseSplitter()
  const events = chunks.flatMap((chunk) => splitter.push(chunk))
  return { events, rest: splitter.end().bytes }
}

test('any chunking of any bytes gives the same events', () => {
  fc.assert(
    fc.property(anyBytes, cuts, (bytes, places) => {
      expect(split(cutAt(bytes, places))).toEqual(split([bytes]))
    }),
    { numRuns: 3000 },
  )
})

test('the events and the rest joined are the input', () => {
  fc.assert(
    fc.property(anyBytes, cuts, (bytes, places) => {
      const { events, rest } = split(cutAt(bytes, places))
      expect(join([...events.map((event) => event.bytes), rest])).toEqual(bytes)
    }),
    { numRuns: 3000 },
  )
})

test('events longer than the bound are cut at the same place however they arrive', { timeout: 60_000 }, () => {
  const bytes = utf8(`${tokenEvent('a')}${tokenEvent('x'.repeat(1_300_000))}${tokenEvent('b')}`)
  const whole = split([bytes])
  expect(Buffer.from(join([...whole.events.map((event) => event.bytes), whole.rest])).equals(bytes)).toBe(true)
  expect(whole.events.map(({ data }) => data !== undefined)).toEqual([true, false, false, true])
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 30 }), (places) => {
      expect(split(cutAt(bytes, places)).events.map((event) => event.bytes.length)).toEqual(
        whole.events.map((event) => event.bytes.length),
      )
    }),
    { numRuns: 20 },
  )
})
