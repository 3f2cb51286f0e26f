import fc from 'fast-check'
import { expect, test } from 'vitest'
import { counterFor, type Piece } from './counter.ts'
import { anyBytes, cutAt, cuts, join } from './testing/chunks.ts'

const kinds = fc.constantFrom(
  { unit: 'byte', type: 'video/mp4' },
  { unit: 'token', type: 'text/event-stream; charset=utf-8' },
  { unit: 'token', type: 'application/json' },
  { unit: 'token', type: 'application/x-ndjson' },
  { unit: 'token', type: 'text/plain' },
  { unit: 'token', type: null },
)

function count(unit: string, type: string | null, chunks: readonly Uint8Array[]): Piece[] {
  const counter = counterFor(unit, type)!
  return [...chunks.flatMap((chunk) => counter.push(chunk)), ...counter.end()]
}
const sum = (pieces: readonly Piece[]): bigint =>
  pieces.reduce((total, { steps, owed = 0n }) => total + steps + owed, 0n)

test('the pieces joined are the body, byte for byte', () => {
  fc.assert(
    fc.property(kinds, anyBytes, cuts, ({ unit, type }, bytes, places) => {
      expect(join(count(unit, type, cutAt(bytes, places)).map((piece) => piece.bytes))).toEqual(bytes)
    }),
    { numRuns: 2000 },
  )
})

test('the count is the same however the body is cut, and never below zero on the way', () => {
  fc.assert(
    fc.property(kinds, anyBytes, cuts, ({ unit, type }, bytes, places) => {
      const pieces = count(unit, type, cutAt(bytes, places))
      expect(sum(pieces)).toBe(sum(count(unit, type, [bytes])))
      let running = 0n
      for (const { steps, owed = 0n } of pieces) {
        running += steps + owed
        expect(running >= 0n).toBe(true)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a divisible piece has one step a byte', () => {
  fc.assert(
    fc.property(kinds, anyBytes, cuts, ({ unit, type }, bytes, places) => {
      for (const piece of count(unit, type, cutAt(bytes, places))) {
        if (piece.divisible) expect(piece.steps).toBe(BigInt(piece.bytes.length))
      }
    }),
  )
})
