import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Gate } from '../meter/gate.ts'
import { tokensOfBytes } from '../meter/tokens.ts'
import { msat } from '../money/msat.ts'
import { type Counts, NO_COUNTS, PER_MSAT, type Tariff, tariffBase, tariffCost } from '../money/tariff.ts'
import { tariffs } from '../money/testing/tariffs.ts'
import { fixedCredit } from '../terms/credit.ts'
import { Hold } from './hold.ts'
import { TariffCharging } from './tariffCharging.ts'
import { accountOver } from './testing/accountOver.ts'

const size = fc.bigInt(1n, 5000n)
const moves = fc.array(
  fc.oneof(
    fc.record({
      move: fc.constantFrom('output', 'image', 'owed', 'upload', 'charge', 'owe', 'prompt', 'latePrompt', 'takeBack'),
      by: size,
    }),
    fc.record({ move: fc.constant('pay'), by: fc.bigInt(1n, 20_000n) }),
  ),
  { minLength: 1, maxLength: 40 },
)

/** Lets everything that can go on do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve()
}

test('whatever is counted, in whatever order: what left is covered, and the gate has what it comes to', async () => {
  await fc.assert(
    fc.asyncProperty(tariffs('byte', 'token'), fc.bigInt(0n, 5000n), moves, async (tariff, credit, story) => {
      const gate = new Gate(PER_MSAT, fixedCredit(msat(credit)), { deliveredSteps: 0n, paid: msat(0n) })
      const over = new AbortController()
      const hold = new Hold(accountOver(gate), 1000, { signal: over.signal })
      const charging = new TariffCharging(hold, tariff)
      // What left, by this test's own count.
      let left: Counts = NO_COUNTS
      let begun = false
      let told = false
      const check = () => {
        expect(gate.delivered - gate.paid).toBeLessThanOrEqual(credit)
        expect(gate.maxUnpaid).toBeLessThanOrEqual(credit)
        if (begun) expect(gate.delivered).toBeGreaterThanOrEqual(tariffCost(tariff, left))
      }
      const note = (change: (counts: Counts) => Counts) => {
        left = change(left)
        check()
      }
      const output = async (by: bigint, least: bigint) => {
        const granted = await charging.output(by, least)
        note((counts) => ({ ...counts, output: counts.output + granted }))
      }
      const upload = async (by: bigint) => {
        const granted = await charging.upload(by)
        note((counts) => {
          const upload = counts.upload + granted
          return { ...counts, upload, input: told ? counts.input : tokensOfBytes(upload) }
        })
      }
      const owed = async (by: bigint) => {
        await charging.owed(by)
        note((counts) => ({ ...counts, output: counts.output + by }))
      }
      const extra = async (by: bigint, late: boolean) => {
        await (late ? charging.owe(msat(by)) : charging.charge(msat(by)))
        note((counts) => ({ ...counts, extra: counts.extra + by }))
      }
      const prompt = async (by: bigint, late: boolean) => {
        if (!tariff.input || told) return
        told = true
        left = { ...left, input: 0n }
        await charging.prompt(by, late)
        note((counts) => ({ ...counts, input: by }))
      }
      const begin = async () => {
        if (charging.opening > 0n) await hold.reserve(charging.opening, charging.opening)
        begun = true
      }
      const waiting: Promise<unknown>[] = [begin()]
      const run = (task: Promise<unknown>) => waiting.push(task.catch(() => {}))
      await settle()
      for (const { move, by } of story) {
        if (move === 'pay') gate.pay(msat(by))
        else if (begun) {
          if (move === 'output') run(output(by, 1n))
          if (move === 'image') run(output(by, by))
          if (move === 'upload') run(upload(by))
          if (move === 'owed') run(owed(by))
          if (move === 'charge' || move === 'owe') run(extra(by, move === 'owe'))
          if (move === 'prompt' || move === 'latePrompt') run(prompt(by, move === 'latePrompt'))
          if (move === 'takeBack' && left.output > 0n) {
            const back = by < left.output ? by : left.output
            left = { ...left, output: left.output - back }
            charging.takeBack(back)
          }
        }
        await settle()
        check()
      }
      // Enough for everybody who waits.
      gate.pay(msat(10n ** 9n))
      await Promise.all(waiting)
      expect(begun).toBe(true)
      expect(gate.delivered).toBe(tariffCost(tariff, left))
      expect(hold.steps).toBe(gate.deliveredSteps)
      hold.release(hold.steps)
      expect(gate.deliveredSteps).toBe(0n)
    }),
    { numRuns: 300 },
  )
})

test('what is granted when the request is over is given back', async () => {
  const gate = new Gate(PER_MSAT, fixedCredit(msat(0n)), { deliveredSteps: 0n, paid: msat(0n) })
  const hold = new Hold(accountOver(gate), 1000, { signal: new AbortController().signal })
  const tariff = { upload: { msat: 1n, per: 1n, unit: 'byte' } }
  const charging = new TariffCharging(hold, tariff)
  expect(tariffBase(tariff)).toBe(0n)
  const reading = charging.upload(100n)
  hold.release(hold.steps)
  hold.end()
  gate.pay(msat(1000n))
  expect(await reading).toBe(100n)
  expect(gate.deliveredSteps).toBe(0n)
  expect(await charging.upload(100n)).toBe(100n)
  expect(gate.deliveredSteps).toBe(0n)
})

/** One request under a tariff, on credit of nothing. */
function charged(tariff: Tariff) {
  const gate = new Gate(PER_MSAT, fixedCredit(msat(0n)), { deliveredSteps: 0n, paid: msat(0n) })
  const over = new AbortController()
  const hold = new Hold(accountOver(gate), 1000, { signal: over.signal })
  return { gate, hold, over, charging: new TariffCharging(hold, tariff) }
}

const HALF = { output: { msat: 1n, per: 2n, unit: 'byte' } }

describe('steps are taken back while others wait', () => {
  /** Two bytes for 1 msat have left, three wait for the second msat, and one of the two is taken back: the three now cost both. */
  async function dearerWhileItWaits() {
    const request = charged(HALF)
    request.gate.pay(msat(1n))
    expect(await request.charging.output(2n, 2n)).toBe(2n)
    const piece = { left: false, error: undefined as unknown }
    const whole = request.charging.output(3n, 3n).then(
      () => {
        piece.left = true
      },
      (error: unknown) => {
        piece.error = error
      },
    )
    request.charging.takeBack(1n)
    await settle()
    return { ...request, piece, whole }
  }

  test('what they cost by then is waited for, to the msat', async () => {
    const { gate, charging, piece, whole } = await dearerWhileItWaits()
    expect(piece.left).toBe(false)
    expect(gate.due).toBe(1n)
    gate.pay(msat(1n))
    await whole
    expect(piece.left).toBe(true)
    expect(charging.outputSteps).toBe(4n)
    expect(gate.delivered).toBe(2n)
  })

  test('what was granted is given back when the rest does not come', async () => {
    const { gate, hold, over, piece, whole } = await dearerWhileItWaits()
    over.abort(new Error('gone'))
    await whole
    expect(piece.error).toMatchObject({ message: 'gone' })
    expect(hold.steps).toBe(0n)
    expect(gate.deliveredSteps).toBe(0n)
  })

  test('what was granted is given back when the request is over before the rest comes', async () => {
    const { gate, hold, whole } = await dearerWhileItWaits()
    hold.end()
    gate.pay(msat(1n))
    await whole
    expect(hold.steps).toBe(0n)
    expect(gate.deliveredSteps).toBe(0n)
  })

  test('what has left already is counted on from what is left of the count', async () => {
    const { gate, charging } = charged(HALF)
    gate.pay(msat(5n))
    await charging.output(10n, 10n)
    const owed = charging.owed(4n)
    charging.takeBack(6n)
    gate.pay(msat(10n))
    await owed
    expect(charging.outputSteps).toBe(8n)
    expect(gate.delivered).toBe(4n)
  })
})
