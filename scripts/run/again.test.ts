import { expect, test, vi } from 'vitest'
import { runAgain } from './again.ts'
import { type FileCounts, sumOf } from './counts.ts'

const file = (name: string, passed: number, ...failures: string[]): FileCounts => ({
  file: name,
  passed,
  failed: failures.length,
  failures: failures.map((test) => `${name} > ${test}\n      why`),
  skipped: [],
})

const never = () => Promise.reject(new Error('nothing was to run again'))

test('where nothing failed nothing runs again', async () => {
  const first = [file('a', 3), file('b', 2)]
  expect(await runAgain(first, never)).toEqual({ counts: first, unsteady: [] })
})

test('what passes alone counts as passed, and is named', async () => {
  const first = [file('a', 3), file('b', 1, 'one'), file('c', 4, 'two')]
  const run = vi.fn(async () => [file('b', 2), file('c', 5)])
  const { counts, unsteady } = await runAgain(first, run)
  expect(run).toHaveBeenCalledExactlyOnceWith(['b', 'c'])
  expect(sumOf(counts)).toMatchObject({ passed: 10, failed: 0 })
  expect(unsteady).toEqual(['b > one\n      why', 'c > two\n      why'])
})

test('what fails twice fails, and so does what fails only the second time', async () => {
  const first = [file('a', 3), file('b', 1, 'one')]
  const same = await runAgain(first, async () => [file('b', 1, 'one')])
  expect(sumOf(same.counts)).toMatchObject({ passed: 4, failed: 1 })
  expect(same.unsteady).toEqual([])
  const other = await runAgain(first, async () => [file('b', 1, 'two')])
  expect(sumOf(other.counts)).toMatchObject({ passed: 4, failed: 1, failures: ['b > two\n      why'] })
  expect(other.unsteady).toEqual(['b > one\n      why'])
})

test.each([
  ['many files failed', [file('a', 0, 'x'), file('b', 0, 'x'), file('c', 0, 'x'), file('d', 0, 'x')]],
  ['something failed outside of any file', [file('', 0, 'x'), file('a', 0, 'x')]],
])('when %s it stays so', async (_, first) => {
  expect(await runAgain(first, never)).toEqual({ counts: first, unsteady: [] })
})

test('a second run that lost a file proves nothing', async () => {
  const first = [file('a', 0, 'x'), file('b', 0, 'x')]
  expect(await runAgain(first, async () => [file('a', 1)])).toEqual({ counts: first, unsteady: [] })
})
