import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatPlay, PlayCounter, playSteps, readPlay } from './play.ts'
import { anyBytes, cutAt, cuts, join } from './testing/chunks.ts'

const likely = fc.stringMatching(/^ms=\d{0,17}(;paid=\d{0,17})?(;of=\d{0,17};from=\d{0,17})?$/)
const lengths = fc.oneof(fc.constant(null), fc.string(), fc.stringMatching(/^\d{1,16}$/))

test('any header and length make a play whose bounds hold, or none', () => {
  fc.assert(
    fc.property(fc.oneof(likely, fc.string(), fc.constant(null)), lengths, (header, length) => {
      const play = readPlay(header, length)
      if (!play) return
      expect(play.ms <= 86_400_000n && play.paid <= play.length && play.from + play.length <= play.of).toBe(true)
      expect(readPlay(formatPlay(play), `${play.length}`)).toEqual(play)
      const all = playSteps(play, play.length)
      expect(all >= 0n && all <= play.ms).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

test('however a body is cut it counts what its bytes do, and its ranges add up to the whole', () => {
  const play = fc.record({ ms: fc.integer({ min: 0, max: 20_000 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
  fc.assert(
    fc.property(anyBytes, cuts, play, (body, places, { ms, share }) => {
      const length = BigInt(body.length)
      const whole = readPlay(`ms=${ms}`, `${length}`)!
      const pieces = cutAt(body, places)
      const counter = new PlayCounter(whole)
      const counted = pieces.flatMap((chunk) => counter.push(chunk))
      expect(join(counted.map((piece) => piece.bytes))).toEqual(body)
      expect(counted.reduce((sum, { steps }) => sum + steps, 0n)).toBe(length === 0n ? 0n : BigInt(ms))
      const first = BigInt(Math.floor(share * body.length))
      const parts = [
        { ...whole, length: first },
        { ...whole, from: first, length: length - first },
      ]
      expect(parts.reduce((sum, part) => sum + playSteps(part, part.length), 0n)).toBe(playSteps(whole, length))
    }),
    { numRuns: 500 },
  )
})
