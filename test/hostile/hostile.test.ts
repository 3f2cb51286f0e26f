import { describe, expect, test } from 'vitest'
import { type Attack, type Finding, failed, judge, mustBe } from './attack.ts'
import { ATTACKS } from './attacks.ts'
import { runAll } from './runner.ts'
import type { Stage } from './stage.ts'
import { lineOf } from './table.ts'

const attack = (run: Attack['run']): Attack => ({ name: 'a', side: 'buyer', what: 'tries', run })
const finding: Finding = { tries: 1, measure: 'msat', loss: 5n, bound: 5n }
const none = {} as Stage
const rowOf = async (run: Attack['run']) => (await runAll([attack(run)], none, () => {}))[0]!

describe('an attack is held', () => {
  test('where no loss is above its bound', () => {
    expect(
      judge(
        attack(async () => finding),
        finding,
      ),
    ).toMatchObject({ held: true, loss: '5', bound: '5' })
  })

  test.each<[string, Partial<Finding>]>([
    ['it lost a msat more', { loss: 6n }],
    ['another measure is above its bound', { also: [{ measure: 'node calls', loss: 1n, bound: 0n }] }],
    ['it was never tried', { tries: 0 }],
  ])('and not where %s', (_, change) => {
    expect(
      judge(
        attack(async () => finding),
        { ...finding, ...change },
      ).held,
    ).toBe(false)
  })

  test('and not where it did not come about', async () => {
    const row = await rowOf(async () => {
      mustBe(false, 'nobody paid')
      return finding
    })
    expect(row).toMatchObject({ held: false, error: 'the attack did not come about: nobody paid' })
    expect(lineOf(row)).toContain('LOST')
  })
})

test('every attack has a name of its own, and both sides are attacked', () => {
  const names = ATTACKS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(new Set(ATTACKS.map(({ side }) => side))).toEqual(new Set(['buyer', 'seller']))
})

test('an attack that measures its victim has it to itself', async () => {
  let running = 0
  let alone = true
  const run = (solo: boolean) => async () => {
    running++
    if (solo && running > 1) alone = false
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (solo && running > 1) alone = false
    running--
    return finding
  }
  const list = Array.from({ length: 12 }, (_, i): Attack => {
    const solo = i % 3 === 0
    return { ...attack(run(solo)), name: `${i}`, ...(solo && { alone: true as const }) }
  })
  expect(await runAll(list, none, () => {})).toHaveLength(12)
  expect(alone).toBe(true)
})

test('a failure says what it was', () => {
  expect(
    failed(
      attack(async () => finding),
      new Error('gone'),
    ),
  ).toMatchObject({ tries: 0, held: false, error: 'gone' })
})
