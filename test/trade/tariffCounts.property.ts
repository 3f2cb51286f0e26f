import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BodyCounter, Received } from '../../src/buyer/received/received.ts'
import { answerCounter } from '../../src/meter/answer.ts'
import type { Piece } from '../../src/meter/counter.ts'
import { Gate } from '../../src/meter/gate.ts'
import { anyBytes, cutAt, cuts } from '../../src/meter/testing/chunks.ts'
import { MAX_MSAT, msat, ZERO } from '../../src/money/msat.ts'
import { PER_MSAT, type Tariff } from '../../src/money/tariff.ts'
import { tariffs } from '../../src/money/testing/tariffs.ts'
import type { Account } from '../../src/seller/account.ts'
import { Hold } from '../../src/seller/hold.ts'
import { TariffCharging } from '../../src/seller/tariffCharging.ts'
import { fixedCredit } from '../../src/terms/credit.ts'

const types = fc.constantFrom(
  'video/mp2t',
  'text/event-stream; charset=utf-8',
  'application/json',
  'application/x-ndjson',
  'text/plain',
)

/** A seller's request on an agreement with more credit than anything costs. */
function selling(tariff: Tariff) {
  const gate = new Gate(PER_MSAT, fixedCredit(MAX_MSAT), { deliveredSteps: 0n, paid: ZERO })
  const account = {
    tryAcquire: (steps: bigint, least: bigint) => gate.reserve(steps, least),
    acquire: async (steps: bigint, least: bigint) => gate.reserve(steps, least),
    release: (steps: bigint) => gate.release(steps),
  }
  const hold = new Hold(account as unknown as Account, 1000, { signal: new AbortController().signal })
  return { gate, hold, charging: new TariffCharging(hold, tariff) }
}

/** As a delivery covers a piece of an answer. */
async function cover(charging: TariffCharging, piece: Piece, late: boolean): Promise<void> {
  if (piece.prompt !== undefined) await charging.prompt(piece.prompt, late)
  if (piece.steps > 0n) await charging.output(piece.steps, piece.divisible ? 1n : piece.steps)
  else if (piece.steps < 0n) charging.takeBack(-piece.steps)
  if (piece.owed) await charging.owed(piece.owed)
}

test('under any tariff both sides come to the same, and no seller can state more than was agreed', async () => {
  const story = fc.record({
    tariff: tariffs('byte', 'token', 'play-second'),
    type: types,
    body: anyBytes,
    upload: fc.nat(3000),
    share: fc.bigInt(0n, 10_000n),
    ms: fc.nat(20_000),
    cut: fc.option(fc.nat(20)),
  })
  await fc.assert(
    fc.asyncProperty(story, cuts, cuts, async ({ tariff, type, body, upload, share, ms, cut }, sent, arrived) => {
      const headers = new Headers({
        'content-type': type,
        'stream-play': `ms=${ms}`,
        'content-length': `${body.length}`,
      })
      const asked = { price: PER_MSAT, tariff }
      const { gate, hold, charging } = selling(tariff)
      if (charging.opening > 0n) await hold.reserve(charging.opening, charging.opening)
      await charging.upload(BigInt(upload))
      const extra = tariff.extra === undefined || tariff.extra < share ? ZERO : msat(share)
      if (extra > 0n) await charging.charge(extra)
      const counter = answerCounter(asked, headers)
      const chunks = cutAt(body, sent)
      const pieces = counter ? chunks.flatMap((chunk) => counter.push(chunk)) : []
      if (counter && cut === null) pieces.push(...counter.end())
      // More tokens than bytes are no text: the buyer refuses to count them.
      fc.pre(pieces.every(({ owed = 0n }) => owed <= 1n))
      // Where it was cut off, the seller had let so many pieces leave, and the buyer has read as many.
      const left = cut === null ? pieces : pieces.slice(0, cut)
      let late = false
      for (const piece of left) {
        await cover(charging, piece, late)
        late = true
      }
      const received = new Received(asked)
      const receipt = received.begin(0, BigInt(upload))
      // Before there is an answer nothing was shown, and what the seller states of the upload is believed.
      expect(received.steps(0)).toBe(0n)
      receipt.answered = true
      const reader = new BodyCounter(asked, headers, receipt, received)
      const bytes = left.flatMap((piece) => [...piece.bytes])
      for (const chunk of cutAt(Uint8Array.from(counter ? bytes : body), arrived)) reader.push(chunk)
      if (cut === null) reader.end()
      else receipt.cut = true
      // What was held to be read whole has not been counted by a reader that never got the rest.
      fc.pre(cut === null || type !== 'application/json')
      received.end(receipt, 0, true)
      received.claim(gate.deliveredSteps)
      expect(received.steps(0)).toBe(gate.deliveredSteps)
      expect(received.excess(gate.deliveredSteps, 0n, 0)).toBe(0n)
      // What it may still add is known, and a minimum hides at most itself: a msat beyond that is a lie.
      const rest = (tariff.extra ?? 0n) - extra
      expect(received.excess(gate.deliveredSteps + rest + (tariff.minimum ?? 0n) + 1n, 0n, 0)).toBeGreaterThan(0n)
    }),
    { numRuns: 1000 },
  )
})
