import { describe, expect, test } from 'vitest'
import { type Mutant, printMutant, scoreFolder } from './score.ts'

const mutant = (status: string, line = 1, fileName = 'src/money/msat.ts', replacement = 'false'): Mutant => ({
  fileName,
  location: { start: { line, column: 7 } },
  status,
  mutatorName: 'ConditionalExpression',
  replacement,
})
const times = (count: number, status: string) => Array.from({ length: count }, () => mutant(status))

describe('scoreFolder', () => {
  test('counts what a test or a limit noticed, against what nothing did', () => {
    const results = [...times(4, 'Killed'), ...times(1, 'Timeout'), ...times(2, 'Survived'), ...times(1, 'NoCoverage')]
    expect(scoreFolder(results)).toMatchObject({ score: 62.5, mutants: 8, timedOut: 1 })
    expect(scoreFolder(results).survivors).toHaveLength(3)
  })

  test('leaves out what is no valid program or was excluded', () => {
    const results = [...times(1, 'Killed'), ...times(5, 'Ignored'), ...times(7, 'RuntimeError'), ...times(1, 'Pending')]
    expect(scoreFolder(results)).toMatchObject({ score: 100, mutants: 1, excluded: 5, survivors: [] })
  })

  test('never rounds a folder up over the bar', () => {
    expect(scoreFolder([...times(84_999, 'Killed'), ...times(15_001, 'Survived')]).score).toBe(84.9)
  })

  test('is full where there is nothing to mutate', () => {
    expect(scoreFolder([]).score).toBe(100)
  })

  test('lists survivors in the order of the source', () => {
    const results = [mutant('Survived', 9, 'b.ts'), mutant('Survived', 30, 'a.ts'), mutant('NoCoverage', 4, 'a.ts')]
    const places = scoreFolder(results).survivors.map(({ fileName, location }) => fileName + location.start.line)
    expect(places).toEqual(['a.ts4', 'a.ts30', 'b.ts9'])
  })
})

test('a survivor is printed on one line, and says whether any test came by', () => {
  expect(printMutant(mutant('Survived', 21))).toBe('src/money/msat.ts:21:7 ConditionalExpression → false')
  const long = printMutant(mutant('NoCoverage', 3, 'src/meter/sse.ts', `{\n  ${'x'.repeat(500)} }`))
  expect(long).toContain('(no test runs this line)')
  expect(long).not.toContain('\n')
  expect(long.length).toBeLessThan(200)
})
