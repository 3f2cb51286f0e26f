import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sat } from '../../money/msat.ts'
import { KEY } from '../testing/sample.ts'
import { isAnother, openRecords } from './openRecord.ts'

let folder: string
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'streampay-opens-')), 'opens')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))
const wish = {
  node: `03${'ee'.repeat(32)}`,
  peer: KEY,
  amount: sat(1_000_000),
  connection: { bytesSent: 300, since: '2026-01-02T03:04:05.678Z' },
}

it('keeps what was asked for, by node and peer, for its owner alone', () => {
  const records = openRecords(folder)
  expect(records.find(wish.node, wish.peer)).toBeUndefined()
  const made = records.claim(wish)!
  expect(openRecords(folder).find(wish.node, wish.peer)).toEqual(made)
  expect(records.find(wish.peer, wish.node)).toBeUndefined()
  expect(statSync(records.fileOf(made)).mode & 0o777).toBe(0o600)
  records.save({ ...made, outpoint: 'ff:1' })
  expect(records.find(wish.node, wish.peer)).toEqual({ ...made, outpoint: 'ff:1' })
  expect(readdirSync(folder)).toHaveLength(1)
  records.remove(made)
  expect(readdirSync(folder)).toEqual([])
})

it('can be claimed once: of two runs one asks LND', () => {
  const records = openRecords(folder)
  const first = records.claim(wish)!
  expect(openRecords(folder).claim(wish)).toBeUndefined()
  expect(records.find(wish.node, wish.peer)).toEqual(first)
})

it('takes no damaged file for none', () => {
  const records = openRecords(folder)
  mkdirSync(folder)
  for (const text of ['', '{}', JSON.stringify({ ...wish, amount: '-1', id: 'ab', askedAtMs: 0 })]) {
    writeFileSync(records.fileOf(wish), text)
    expect(() => records.find(wish.node, wish.peer)).toThrow(expect.objectContaining({ code: 'ledger-failed' }))
  }
})

it('says that it cannot write, before LND is asked', () => {
  writeFileSync(folder, 'a file')
  expect(() => openRecords(folder).claim(wish)).toThrow(expect.objectContaining({ code: 'ledger-failed' }))
})

it.each([
  [{ bytesSent: 300 }, { bytesSent: 300 }, false],
  [{ bytesSent: 300 }, { bytesSent: 4000 }, false],
  [{ bytesSent: 300 }, { bytesSent: 299 }, true],
  [{ bytesSent: 300, since: 'a' }, { bytesSent: 400, since: 'a' }, false],
  [{ bytesSent: 300, since: 'a' }, { bytesSent: 400, since: 'b' }, true],
])('a connection %j that is now %j is another: %s', (before, now, another) =>
  expect(isAnother(before, now)).toBe(another),
)
