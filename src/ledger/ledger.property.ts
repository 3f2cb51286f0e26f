import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { returnable } from './balance.ts'
import { openLedger } from './index.ts'
import type { Ledger } from './ledger.ts'
import { id } from './testing/samples.ts'
import { type Step, steps, take, tell } from './testing/story.ts'
import { temporaryFolder } from './testing/temporary.ts'

const folder = temporaryFolder()
let files = 0

const REOPEN = { do: 'reopen' } as const
const stories = fc.array(fc.oneof({ weight: 12, arbitrary: steps }, { weight: 1, arbitrary: fc.constant(REOPEN) }), {
  minLength: 1,
  maxLength: 80,
})

/** What a ledger answers, refusals included, in a form that compares. */
const answer = (work: Promise<unknown>): Promise<unknown> => work.catch((error) => `rejected: ${error.code}`)

/** Not refused, not known before, and not of an agreement that was forgotten. */
const booked = (answered: unknown): boolean =>
  typeof answered === 'object' && answered !== null && !('forgotten' in answered)

/** What a story must keep to, told from what was asked and answered alone. */
class Witness {
  readonly #settled = new Set<number>()
  arrived = 0n
  /** Went from one agreement to another: it stands in both totals. */
  moved = 0n

  /** A node never mints a hash again: to ask that of a ledger means nothing. */
  allows(step: Step): boolean {
    if (step.do === 'offer') return !this.#settled.has(step.hash)
    return !(step.do === 'add' || step.do === 'invoice') || !step.hashes.some((n) => this.#settled.has(n))
  }

  /** What of an agreement would go to a session now. */
  async movable(step: Step, ledger: Ledger): Promise<bigint> {
    const from = step.do === 'topUp' ? await ledger.getAgreement(id(step.of)) : undefined
    return from?.claim?.scheme === 'offered' ? returnable(from) : 0n
  }

  async see(step: Step, answered: unknown, ledger: Ledger): Promise<void> {
    if (step.do === 'settle' && booked(answered)) {
      expect(this.#settled, 'a hash is booked once').not.toContain(step.hash)
      this.#settled.add(step.hash)
      this.arrived += step.amount
    }
    if (step.do === 'return' && answered === true) {
      expect(returnable((await ledger.getAgreement(id(step.of)))!), 'a return is covered').toBeGreaterThanOrEqual(0n)
    }
  }
}

test('after any story both ledgers answer alike, also when one is opened anew, and the sums hold', async () => {
  const run = fc.asyncProperty(stories, async (story) => {
    const file = path.join(folder(), `${files++}.db`)
    const model = openLedger(':memory:')
    const witness = new Witness()
    let ledger = openLedger(file)
    for (const step of story) {
      if (step.do === 'reopen') {
        await ledger.end()
        ledger = openLedger(file)
      } else if (witness.allows(step)) {
        const movable = await witness.movable(step, model)
        const answered = await answer(take(ledger, step))
        if (step.do === 'topUp' && typeof answered === 'bigint') witness.moved += movable
        expect(answered, step.do).toEqual(await answer(take(model, step)))
        await witness.see(step, answered, ledger)
      }
    }
    const told = await tell(ledger)
    await ledger.end()
    expect(told).toEqual(await tell(model))
    const records = told.agreements.filter((record) => record !== undefined)
    expect(
      records.reduce((sum, { paid }) => sum + paid, 0n),
      'all that arrived is booked',
    ).toBe(witness.arrived + witness.moved)
    for (const { paid, returned, deliveredSteps, leasedSteps } of records) {
      expect(returned <= paid && deliveredSteps <= leasedSteps).toBe(true)
    }
  })
  await fc.assert(run, { numRuns: 200 })
})
