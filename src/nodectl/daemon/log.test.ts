import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LogReader } from './log.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'streampay-log-'))
  file = join(dir, 'lnd.log')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))
const lines = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => `line ${from + n}`)
const written = (texts: string[]): string => texts.map((text) => `${text}\n`).join('')

it('reads the last lines, and then what comes', () => {
  writeFileSync(file, written(lines(0, 5000)))
  const reader = new LogReader(file)
  expect(reader.last(3)).toEqual(lines(4997, 5000))
  expect(reader.next()).toEqual([])
  appendFileSync(file, 'half')
  expect(reader.next()).toEqual([])
  appendFileSync(file, ' of é')
  appendFileSync(file, '\nnext\n')
  expect(reader.next()).toEqual(['half of é', 'next'])
})

it('reads no more than there is, and none when none are wanted', () => {
  writeFileSync(file, written(['a', 'b']))
  expect(new LogReader(file).last(50)).toEqual(['a', 'b'])
  const none = new LogReader(file)
  expect(none.last(0)).toEqual([])
  appendFileSync(file, 'c\n')
  expect(none.next()).toEqual(['c'])
})

it('waits for a file that is not there, and begins anew with a new one', () => {
  const reader = new LogReader(file)
  expect(reader.last(5)).toEqual([])
  writeFileSync(file, written(['a']))
  expect(reader.next()).toEqual(['a'])
  renameSync(file, `${file}.1`)
  expect(reader.next()).toEqual([])
  writeFileSync(file, written(['b', 'c']))
  expect(reader.next()).toEqual(['b', 'c'])
})

it('cuts a line that never ends', () => {
  writeFileSync(file, 'x'.repeat(200_000))
  const reader = new LogReader(file)
  expect(reader.next().join('').length).toBeGreaterThan(100_000)
})
