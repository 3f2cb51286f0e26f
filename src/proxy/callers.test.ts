import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sat } from '../money/msat.ts'
import { Callers, hashOf, isToken } from './callers.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'streampay-callers-'))
  file = join(folder, 'state', 'callers.json')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('callers', () => {
  test('are found by their token, which the file does not hold', () => {
    const callers = new Callers(file)
    const limits = {
      max: sat(5),
      perDay: sat(3),
      maxPrice: '1 sat/KiB',
      ahead: sat(2),
      maxRisk: sat(4),
      hosts: { 'a.example': sat(1), 'b.example:8443': null },
    }
    const { token, caller } = callers.add('ann', limits)
    expect(isToken(token)).toBe(true)
    expect(caller).toEqual({ name: 'ann', isOwner: false, limits })
    expect(new Callers(file).find(token)).toEqual(caller)
    const text = readFileSync(file, 'utf8')
    expect(text).not.toContain(token.slice(4))
    expect(text).toContain(hashOf(token).toString('hex'))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(callers.find(`${token.slice(0, -1)}_`)).toBeUndefined()
  })

  test('are seen by whoever else reads the file, and gone for all when they are removed', () => {
    const [one, other] = [new Callers(file), new Callers(file)]
    expect(other.list()).toEqual([])
    const { token } = one.add('ann')
    expect(other.find(token)?.name).toBe('ann')
    expect(other.remove('ann')).toBe(true)
    expect(one.find(token)).toBeUndefined()
    expect(one.remove('ann')).toBe(false)
  })

  test('that are added by several at once are all kept', () => {
    const all = [1, 2, 3].map(() => new Callers(file))
    for (let i = 0; i < 30; i++) all[i % 3]!.add(`c${i}`)
    expect(new Callers(file).list()).toHaveLength(30)
  })

  test.each(['', 'a b', '../x', 'anyone', 'Owner', 'x'.repeat(65), '-x'])('%j is no name', (name) => {
    expect(() => new Callers(file).add(name)).toThrow(expect.objectContaining({ code: 'option-invalid' }))
  })

  test('of one name there is one', () => {
    const callers = new Callers(file)
    callers.add('ann')
    expect(() => callers.add('ann')).toThrow(expect.objectContaining({ code: 'option-invalid' }))
  })

  test.each(['', '{', '[]', '{"callers":[{"name":"x"}]}', '{"callers":[],"more":1}'])(
    'a file with %j opens nothing, and is told',
    (text) => {
      const callers = new Callers(file)
      callers.add('ann')
      writeFileSync(file, text)
      utimesSync(file, 1, 1)
      expect(() => callers.find('x')).toThrow(expect.objectContaining({ code: 'config-invalid' }))
      expect(() => callers.add('bob')).toThrow(expect.objectContaining({ code: 'config-invalid' }))
    },
  )

  test('a lock that a dead process left is taken away', () => {
    const callers = new Callers(file)
    callers.add('ann')
    writeFileSync(`${file}.lock`, '')
    utimesSync(`${file}.lock`, 1, 1)
    callers.add('bob')
    expect(callers.list().map(({ name }) => name)).toEqual(['ann', 'bob'])
  })
})
