import { statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../ledger/testing/temporary.ts'
import { openInvoiceOwners } from './invoiceOwners.ts'

const folder = temporaryFolder()
const file = (name: string) => path.join(folder(), `${name}.db`)

describe.each([
  ['in memory', () => ':memory:'],
  ['in SQLite', () => file('bounded')],
])('whose an invoice is, %s', (_, where) => {
  test('is known for the newest of each caller, and who made it first stays', () => {
    const owners = openInvoiceOwners(where(), 2)
    for (const [hash, caller] of [
      ['1', 'ada'],
      ['2', 'bob'],
      ['3', 'ada'],
      ['4', 'ada'],
      ['2', 'ada'],
    ] as const) {
      owners.note(hash, caller)
    }
    expect(['1', '2', '3', '4', '5'].map((hash) => owners.callerOf(hash))).toEqual([
      ...[undefined, 'bob', 'ada', 'ada', undefined],
    ])
    owners.end()
  })
})

test('it outlives the process, is shared, and is readable by its owner alone', () => {
  const [one, two] = [openInvoiceOwners(file('kept')), openInvoiceOwners(file('kept'))]
  one.note('1', 'ada')
  expect(two.callerOf('1')).toBe('ada')
  for (const owners of [one, two]) owners.end()
  const again = openInvoiceOwners(file('kept'))
  expect(again.callerOf('1')).toBe('ada')
  again.end()
  expect(statSync(file('kept')).mode & 0o777).toBe(0o600)
  expect(() => again.note('2', 'ada')).toThrow(expect.objectContaining({ code: 'ledger-failed' }))
})
