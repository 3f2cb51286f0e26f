import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BodyCounter, Received } from '../../src/buyer/received/received.ts'
import { counterFor } from '../../src/meter/counter.ts'
import { anyBytes, cutAt, cuts, join } from '../../src/meter/testing/chunks.ts'
import { parsePrice } from '../../src/money/price.ts'

const kinds = fc.constantFrom(
  { unit: 'byte', type: 'video/mp4' },
  { unit: 'token', type: 'text/event-stream; charset=utf-8' },
  { unit: 'token', type: 'application/json' },
  { unit: 'token', type: 'application/x-ndjson' },
  { unit: 'token', type: 'text/plain' },
)

test('the buyer counts what the seller counted, whatever lies between them', () => {
  fc.assert(
    fc.property(kinds, anyBytes, cuts, cuts, ({ unit, type }, bytes, sent, arrived) => {
      const counter = counterFor(unit, type)!
      const pieces = [...cutAt(bytes, sent).flatMap((chunk) => counter.push(chunk)), ...counter.end()]
      const price = parsePrice(`1 sat/${unit}`)
      const received = new Received({ price })
      const receipt = received.begin(0)
      const reader = new BodyCounter({ price }, new Headers({ 'content-type': type }), receipt, received)
      const claimed = pieces.reduce((most, { owed = 0n }) => (owed > most ? owed : most), 0n)
      // More tokens than bytes are no text: the buyer refuses to count them.
      fc.pre(claimed <= 1n)
      for (const chunk of cutAt(join(pieces.map((piece) => piece.bytes)), arrived)) reader.push(chunk)
      reader.end()
      expect(receipt.steps).toBe(pieces.reduce((sum, { steps, owed = 0n }) => sum + steps + owed, 0n))
      expect(receipt.bytes).toBe(bytes.length)
    }),
    { numRuns: 2000 },
  )
})
