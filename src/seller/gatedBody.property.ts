import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Counter, Piece } from '../meter/counter.ts'
import { Gate } from '../meter/gate.ts'
import { join } from '../meter/testing/chunks.ts'
import { msat } from '../money/msat.ts'
import { PER_MSAT } from '../money/tariff.ts'
import { fixedCredit } from '../terms/credit.ts'
import { type Charging, PlainCharging } from './charging.ts'
import { GatedBody } from './gatedBody.ts'
import { Hold } from './hold.ts'
import { TariffCharging } from './tariffCharging.ts'
import { accountOver } from './testing/accountOver.ts'

const whole = fc.record({ length: fc.integer({ min: 1, max: 40 }), steps: fc.bigInt(0n, 9n) })
const cut = fc.integer({ min: 1, max: 40 }).map((length) => ({ length, steps: BigInt(length), divisible: true }))
const chunks = fc.array(fc.array(fc.oneof(whole, cut), { maxLength: 12 }), { minLength: 1, maxLength: 6 })
const payments = fc.array(fc.bigInt(1n, 30n), { maxLength: 60 })
const tariff = { output: { msat: 1n, per: 1n, unit: 'token' } }

const chargings: ReadonlyArray<readonly [string, (hold: Hold) => Charging]> = [
  ['one price', (hold) => new PlainCharging(hold, false)],
  ['a tariff', (hold) => new TariffCharging(hold, tariff)],
]

/** Chunks of pieces in one buffer each, as a counter cuts them. */
function cutUp(
  chunks: ReadonlyArray<ReadonlyArray<{ length: number; steps: bigint; divisible?: boolean }>>,
): Piece[][] {
  let next = 0
  return chunks.map((chunk) => {
    const bytes = Uint8Array.from({ length: chunk.reduce((sum, { length }) => sum + length, 0) }, () => next++ % 251)
    let at = 0
    return chunk.map(({ length, steps, divisible = false }) => {
      at += length
      return { bytes: bytes.subarray(at - length, at), steps, divisible }
    })
  })
}

/** What so many bytes of the body count: a piece that is not divisible is there whole or not at all. */
function countOf(pieces: readonly Piece[], bytes: number): bigint {
  let left = bytes
  let steps = 0n
  for (const piece of pieces) {
    const taken = Math.min(left, piece.bytes.length)
    if (taken === 0) break
    if (!piece.divisible) expect(taken).toBe(piece.bytes.length)
    steps += piece.divisible ? BigInt(taken) : piece.steps
    left -= taken
  }
  return steps
}

test.each(chargings)('what leaves is whole, in its order and covered, and is what is charged: %s', async (_, make) => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.bigInt(0n, 30n), payments, async (shape, credit, paying) => {
      const gate = new Gate(PER_MSAT, fixedCredit(msat(credit)), { deliveredSteps: 0n, paid: msat(0n) })
      const hold = new Hold(accountOver(gate), 1000, { signal: new AbortController().signal })
      const script = cutUp(shape)
      const pieces = script.flat()
      const counter: Counter = { push: () => script.shift() ?? [], end: () => [] }
      const body = new GatedBody(counter, make(hold), hold)
      const out: Uint8Array[] = []
      let sent = 0
      const reading = (async () => {
        while (script.length > 0) {
          body.push(new Uint8Array(0))
          while (!body.isEmpty) {
            const chunk = await body.take()
            expect(chunk.length).toBeGreaterThan(0)
            out.push(chunk)
            sent += chunk.length
            // Covered, and reserved before it left.
            expect(countOf(pieces, sent)).toBeLessThanOrEqual(gate.paid + credit)
            expect(gate.deliveredSteps).toBeGreaterThanOrEqual(countOf(pieces, sent))
            expect(gate.delivered - gate.paid).toBeLessThanOrEqual(credit)
          }
        }
      })()
      for (const amount of paying) {
        gate.pay(msat(amount))
        for (let i = 0; i < 12; i++) await Promise.resolve()
      }
      gate.pay(msat(10n ** 6n))
      await reading
      expect(join(out)).toEqual(join(pieces.map(({ bytes }) => bytes)))
      expect(gate.deliveredSteps).toBe(pieces.reduce((sum, { steps }) => sum + steps, 0n))
      expect(hold.steps).toBe(gate.deliveredSteps)
    }),
    { numRuns: 500 },
  )
})

test('all that is covered leaves at once, and what is free waits for nothing', async () => {
  const gate = new Gate(PER_MSAT, fixedCredit(msat(3n)), { deliveredSteps: 0n, paid: msat(0n) })
  const hold = new Hold(accountOver(gate), 1000, { signal: new AbortController().signal })
  const piece = (steps: bigint) => ({ length: 10, steps })
  const script = cutUp([
    [piece(1n), piece(0n), piece(2n)],
    [piece(0n), piece(1n), piece(2n), piece(1n)],
  ])
  const body = new GatedBody({ push: () => script.shift()!, end: () => [] }, new PlainCharging(hold, false), hold)
  body.push(new Uint8Array(0))
  expect((await body.take()).length).toBe(30)
  expect(body.isEmpty).toBe(true)
  body.push(new Uint8Array(0))
  expect((await body.take()).length).toBe(10)
  const waiting = body.take()
  expect(gate.due).toBe(1n)
  // One is covered, and half of the next: that half is not held.
  gate.pay(msat(2n))
  expect((await waiting).length).toBe(10)
  expect(gate.deliveredSteps).toBe(4n)
  gate.pay(msat(2n))
  expect((await body.take()).length).toBe(20)
  expect(gate.deliveredSteps).toBe(7n)
})

test('large bodies leave in chunks of a bound, whatever is covered', async () => {
  const gate = new Gate(PER_MSAT, fixedCredit(msat(10n ** 6n)), { deliveredSteps: 0n, paid: msat(0n) })
  const hold = new Hold(accountOver(gate), 1000, { signal: new AbortController().signal })
  const script = cutUp([Array.from({ length: 5000 }, () => ({ length: 64, steps: 16n }))])
  const body = new GatedBody({ push: () => script.shift()!, end: () => [] }, new PlainCharging(hold, false), hold)
  body.push(new Uint8Array(0))
  expect((await body.take()).length).toBe(64 << 10)
  expect(gate.deliveredSteps).toBe(16n * 1024n)
})

test('what is granted to a request that is over is given back, and nothing that left is', async () => {
  const gate = new Gate(PER_MSAT, fixedCredit(msat(0n)), { deliveredSteps: 0n, paid: msat(2n) })
  const hold = new Hold(accountOver(gate), 1000, { signal: new AbortController().signal })
  const script = cutUp([
    [{ length: 10, steps: 2n }],
    [
      { length: 10, steps: 2n },
      { length: 10, steps: 3n },
    ],
  ])
  const body = new GatedBody({ push: () => script.shift()!, end: () => [] }, new PlainCharging(hold, false), hold)
  body.push(new Uint8Array(0))
  await body.take()
  body.push(new Uint8Array(0))
  const waiting = body.take()
  hold.end()
  gate.pay(msat(4n))
  await waiting
  expect(gate.deliveredSteps).toBe(2n)
})
