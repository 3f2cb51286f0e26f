import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLedger } from '../ledger/index.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { agreement, id, invoice, settlement } from '../ledger/testing/samples.ts'
import { msat } from '../money/msat.ts'
import { costUp } from '../money/price.ts'
import { fixedCredit } from '../terms/credit.ts'
import { Account } from './account.ts'

/** At most so many payments in a story, each of an invoice of its own. */
const MOST_STEPS = 60

type Step =
  | { readonly do: 'pay'; readonly amount: bigint }
  /** Reserves up to `steps`; of what is granted `leave` leave, and the rest is taken back. */
  | { readonly do: 'deliver'; readonly steps: bigint; readonly leave: bigint }
  /** Several deliveries at once, so that their writes overlap. */
  | { readonly do: 'together'; readonly steps: readonly bigint[]; readonly leave: bigint }
  /** A write fails, as on a full disk. */
  | { readonly do: 'fail'; readonly steps: bigint }
  /** The process is killed; with `leaving`, after a write and before what it covers has left. */
  | { readonly do: 'crash'; readonly leaving: bigint }
  | { readonly do: 'stop' }

const count = fc.bigInt(0n, 40n)
const some = fc.bigInt(1n, 40n)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('pay' as const), amount: fc.bigInt(1n, 60n) }),
  fc.record({ do: fc.constant('deliver' as const), steps: some, leave: count }),
  fc.record({
    do: fc.constant('together' as const),
    steps: fc.array(some, { minLength: 2, maxLength: 4 }),
    leave: count,
  }),
  fc.record({ do: fc.constant('fail' as const), steps: some }),
  fc.record({ do: fc.constant('crash' as const), leaving: count }),
  fc.record({ do: fc.constant('stop' as const) }),
)

/** A seller of one agreement at 1 msat a step, and what has truly left it, whatever its books say. */
class Story {
  readonly #book = openLedger(':memory:')
  readonly #credit: bigint
  #account!: Account
  #failing = false
  left = 0n
  paid = 0n
  crashes = 0n
  /** Reserved and written when the process was killed: lost to the buyer, within what it is ahead. */
  lost = 0n

  constructor(credit: bigint) {
    this.#credit = credit
  }

  async open(): Promise<this> {
    const invoices = Array.from({ length: MOST_STEPS }, (_, n) => invoice(n))
    await this.#book.addAgreement(agreement(1, { credit: fixedCredit(msat(this.#credit)) }), 1, invoices)
    await this.#start()
    return this
  }

  get charged(): bigint {
    return this.#account.gate.deliveredSteps
  }

  get unpaid(): bigint {
    return costUp(this.#account.agreement.price, this.left) - this.paid
  }

  async take(step: Step, number: number): Promise<void> {
    if (step.do === 'pay') await this.#pay(step.amount, number)
    else if (step.do === 'deliver') this.#leave(await this.#reserve(step.steps), step.leave)
    else if (step.do === 'together') {
      const granted = await Promise.all(step.steps.map((steps) => this.#reserve(steps)))
      for (const steps of granted) this.#leave(steps, step.leave)
    } else if (step.do === 'fail') await this.#fail(step.steps)
    else if (step.do === 'crash') await this.#crash(step.leaving)
    else {
      await this.#account.save()
      await this.#start()
    }
    // What was taken back is written in a microtask.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async #pay(amount: bigint, number: number): Promise<void> {
    const booked = await this.#book.settle(settlement(number, amount))
    this.#account.paid(booked!.paid)
    this.paid += amount
  }

  /** As a delivery does. Whoever would have to wait for money leaves. */
  async #reserve(steps: bigint): Promise<bigint> {
    const account = this.#account
    const waited = new AbortController()
    const granted = account.tryAcquire(steps, 1n)
    if (granted > 0n) return granted
    const acquiring = account.acquire(steps, 1n, 60_000, waited.signal)
    setImmediate(() => waited.abort(new Error('left')))
    return acquiring.catch(() => 0n)
  }

  #leave(granted: bigint, most: bigint): void {
    const leave = granted < most ? granted : most
    this.left += leave
    this.#account.release(granted - leave)
  }

  async #fail(steps: bigint): Promise<void> {
    this.#failing = true
    this.#leave(await this.#reserve(steps), steps)
    await new Promise((resolve) => setImmediate(resolve))
    this.#failing = false
  }

  async #crash(leaving: bigint): Promise<void> {
    const granted = leaving > 0n ? await this.#reserve(leaving) : 0n
    this.lost += granted
    this.crashes++
    await this.#start()
  }

  async #start(): Promise<void> {
    const ledger = { lease: (...told: Parameters<Ledger['lease']>) => this.#lease(told) } as Ledger
    const closing = { closingStatement: async () => undefined }
    const record = (await this.#book.getAgreement(id(1)))!
    this.#account = new Account(record, Object.assign(ledger, closing), () => 1n)
  }

  async #lease(told: Parameters<Ledger['lease']>): Promise<void> {
    if (this.#failing) throw new Error('the disk is full')
    await this.#book.lease(...told)
  }
}

const stories = fc.array(step, { minLength: 1, maxLength: MOST_STEPS })

test('at a credit of zero nothing leaves unpaid, however often the seller is killed, and nothing else is charged', async () => {
  const run = fc.asyncProperty(stories, async (steps) => {
    const story = await new Story(0n).open()
    for (const [number, step] of steps.entries()) {
      await story.take(step, number)
      expect(story.unpaid, step.do).toBeLessThanOrEqual(0n)
      expect(story.charged, step.do).toBeGreaterThanOrEqual(story.left)
      expect(story.charged, 'what was taken back is not charged').toBeLessThanOrEqual(story.left + story.lost)
    }
  })
  await fc.assert(run, { numRuns: 300 })
})

test('with a credit each kill gives away one lease at most, and nothing that did not leave is charged', async () => {
  const run = fc.asyncProperty(stories, fc.bigInt(1n, 80n), async (steps, credit) => {
    const story = await new Story(credit).open()
    for (const [number, step] of steps.entries()) {
      await story.take(step, number)
      expect(story.unpaid, step.do).toBeLessThanOrEqual(credit * (story.crashes + 1n))
      expect(story.charged + credit * story.crashes, step.do).toBeGreaterThanOrEqual(story.left)
      expect(story.charged, 'what was taken back is not charged').toBeLessThanOrEqual(story.left + story.lost)
    }
  })
  await fc.assert(run, { numRuns: 300 })
})
