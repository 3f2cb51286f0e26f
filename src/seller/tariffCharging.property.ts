import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Gate } from '../meter/gate.ts'
import { tokensOfBytes } from '../meter/tokens.ts'
import { msat } from '../money/msat.ts'
import { type Counts, NO_COUNTS, PER_MSAT, tariffBase, tariffCost } from '../money/tariff.ts'
import { tariffs } from '../money/testing/tariffs.ts'
import { fixedCredit } from '../terms/credit.ts'
import type { Account } from './account.ts'
import { Hold } from './hold.ts'
import { TariffCharging } from './tariffCharging.ts'

/** What an account is to a hold, over a gate alone: no ledger, no grace. */
function accountOver(gate: Gate): Account {
  const account = {
    tryAcquire: (steps: bigint, least: bigint) => gate.reserve(steps, least),
    acquire: (steps: bigint, least: bigint, _graceMs: number, signal: AbortSignal) =>
      gate.acquire(steps, least, signal),
    release: (steps: bigint) => {
      if (steps > 0n) gate.release(steps)
    },
  }
  return account as unknown as Account
}

const size = fc.bigInt(1n, 5000n)
const moves = fc.array(
  fc.oneof(
    fc.record({ move: fc.constantFrom('output', 'image', 'upload', 'charge', 'prompt', 'takeBack'), by: size }),
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
      const charge = async (by: bigint) => {
        await charging.charge(msat(by))
        note((counts) => ({ ...counts, extra: counts.extra + by }))
      }
      const prompt = async (by: bigint) => {
        if (!tariff.input || told) return
        told = true
        left = { ...left, input: 0n }
        await charging.prompt(by, false)
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
          if (move === 'charge') run(charge(by))
          if (move === 'prompt') run(prompt(by))
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
