import fc from 'fast-check'
import { expect, test } from 'vitest'
import { msat } from '../money/msat.ts'
import { costUp, price } from '../money/price.ts'
import { creditAt } from '../terms/credit.ts'
import { Gate } from './gate.ts'

const prices = fc.tuple(fc.bigInt(0n, 5000n), fc.bigInt(1n, 2000n)).map(([amount, per]) => price(amount, per, 'byte'))
const credits = fc.record({
  start: fc.bigInt(0n, 5000n).map(msat),
  max: fc.bigInt(0n, 20_000n).map(msat),
  ramp: fc.bigInt(0n, 5n),
})

const steps = fc.bigInt(1n, 3000n)
const action = fc.oneof(
  fc.record({ do: fc.constant('reserve' as const), steps, divisible: fc.boolean() }),
  fc.record({ do: fc.constant('acquire' as const), steps, divisible: fc.boolean() }),
  fc.record({ do: fc.constant('release' as const), share: fc.bigInt(0n, 100n) }),
  fc.record({ do: fc.constant('pay' as const), amount: fc.bigInt(1n, 8000n) }),
  fc.record({ do: fc.constant('abort' as const), which: fc.nat(20) }),
)

interface Waiting {
  readonly steps: bigint
  readonly least: bigint
  readonly abort: AbortController
}

/** What a gate should do, written down as slowly and plainly as can be. */
class Model {
  delivered = 0n
  paid = 0n
  waiting: Waiting[] = []
  granted: bigint[] = []
  readonly gate: Gate

  constructor(gate: Gate) {
    this.gate = gate
  }

  covered(steps: bigint): boolean {
    const { price, credit } = this.gate
    return costUp(price, steps) <= this.paid + creditAt(credit, msat(this.paid))
  }

  /** The largest part that is covered, found by halving. */
  most(steps: bigint): bigint {
    let [low, high] = [0n, steps]
    while (low < high) {
      const middle = (low + high + 1n) / 2n
      if (this.covered(this.delivered + middle)) low = middle
      else high = middle - 1n
    }
    return low
  }

  take(steps: bigint, least: bigint): bigint {
    const most = this.most(steps)
    if (most < least) return 0n
    this.delivered += most
    return most
  }

  wake(): void {
    for (let first = this.waiting[0]; first; first = this.waiting[0]) {
      const most = this.take(first.steps, first.least)
      if (most === 0n) return
      this.granted.push(most)
      this.waiting.shift()
    }
  }
}

test('any sequence of reservations, payments and aborts stays within paid + credit, and first come is first served', async () => {
  await fc.assert(
    fc.asyncProperty(prices, credits, fc.array(action, { maxLength: 60 }), async (price, credit, actions) => {
      const gate = new Gate(price, credit, { deliveredSteps: 0n, paid: msat(0n) })
      const model = new Model(gate)
      const granted: bigint[] = []
      const aborts: AbortController[] = []
      for (const step of actions) {
        if (step.do === 'reserve') {
          const least = step.divisible ? 1n : step.steps
          const expected = model.waiting.length > 0 ? 0n : model.take(step.steps, least)
          expect(gate.reserve(step.steps, least)).toBe(expected)
        } else if (step.do === 'acquire') {
          const abort = new AbortController()
          const least = step.divisible ? 1n : step.steps
          aborts.push(abort)
          gate.acquire(step.steps, least, abort.signal).then(
            (count) => granted.push(count),
            () => {},
          )
          model.waiting.push({ steps: step.steps, least, abort })
          model.wake()
        } else if (step.do === 'release') {
          const back = (model.delivered * step.share) / 100n
          gate.release(back)
          model.delivered -= back
          model.wake()
        } else if (step.do === 'pay') {
          gate.pay(msat(step.amount))
          model.paid += step.amount
          model.wake()
        } else if (aborts.length > 0) {
          const abort = aborts[step.which % aborts.length]!
          abort.abort(new Error('left'))
          model.waiting = model.waiting.filter((waiter) => waiter.abort !== abort)
          model.wake()
        }
        await Promise.resolve()
        expect(gate.deliveredSteps).toBe(model.delivered)
        expect(gate.paid).toBe(model.paid)
        expect(gate.shut).toBe(model.waiting.length > 0)
        expect(granted).toEqual(model.granted)
        expect(gate.maxUnpaid <= creditAt(credit, gate.paid) || price.msat === 0n).toBe(true)
        // Paying exactly what is due lets the first who waits pass, unless more money also means more credit.
        const first = model.waiting[0]
        if (first) {
          const needed = costUp(price, model.delivered + first.least)
          expect(gate.due).toBe(needed - model.paid - creditAt(credit, gate.paid))
          expect(gate.due > 0n).toBe(true)
        } else expect(gate.due).toBe(0n)
      }
      for (const abort of aborts) abort.abort()
    }),
    { numRuns: 1500 },
  )
})
