import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../run/child.ts'
import { publicOptions } from './publicOptions.ts'
import { missing, optionsReference } from './reference.ts'

const types = publicOptions()

test('every option of the library has a docstring with its unit and its default', () => {
  const faults = types.flatMap(({ name, options }) =>
    options.flatMap((option) => {
      const fault = missing(option)
      return fault ? [`${name}.${option.name} ${fault}`] : []
    }),
  )
  expect(faults).toEqual([])
})

test('options are found wherever they are reached from', () => {
  const names = types.map(({ name }) => name)
  const some = [
    'BuyerOptions',
    'WallOptions',
    'SellerOptions',
    'LndOptions',
    'PurseOptions',
    'PayOptions',
    'GatewayParts',
  ]
  expect(names).toEqual(
    expect.arrayContaining([...some, 'RecoverOptions', 'WebSocketOptions', 'ServeOptions', 'Sellers']),
  )
  expect(new Set(names).size, 'two types of one name').toBe(names.length)
})

test('docs/options.md is what the docstrings say; `npm run options-table` writes it anew', () => {
  expect(readFileSync(path.join(ROOT, 'docs', 'options.md'), 'utf8')).toBe(optionsReference(types))
})

test('a fault is named', () => {
  const option = { name: 'waitMs', type: 'number | undefined', optional: true, text: 'How long. 5 s by default.' }
  expect(missing(option)).toBeUndefined()
  expect(missing({ ...option, text: '' })).toContain('no docstring')
  expect(missing({ ...option, text: 'How long.' })).toContain('no default')
  expect(missing({ ...option, name: 'wait' })).toContain('no unit')
})
