import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/temporary.ts'
import { Database, type DatabaseOptions } from './database.ts'
import { ledgerFailed } from './failure.ts'

const folder = temporaryFolder()
let files = 0
const newFile = (): string => path.join(folder(), `${files++}.db`)
const MIGRATIONS = ['CREATE TABLE notes (text TEXT NOT NULL, n INTEGER NOT NULL DEFAULT 0) STRICT']
const open = (file: string, options: Partial<DatabaseOptions> = {}): Database =>
  new Database({ path: file, exclusive: false, durable: 'later', migrations: MIGRATIONS, ...options })
const sql = (database: Database) =>
  database.prepare({ add: 'INSERT INTO notes (text) VALUES (?)', count: 'SELECT count(*) AS count FROM notes' })
const failure = (reason: RegExp) =>
  expect.objectContaining({ code: 'ledger-failed', message: expect.stringMatching(reason) })

test('a file and what SQLite puts beside it are readable by their owner alone, also one that was not', () => {
  const file = newFile()
  writeFileSync(file, '', { mode: 0o644 })
  const database = open(file)
  sql(database).add.run('x')
  for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777, name).toBe(0o600)
  database.close()
})

test('a transaction is written as a whole or not at all', () => {
  const database = open(newFile())
  const { add, count } = sql(database)
  const work = () => {
    add.run('x')
    throw new RangeError('no')
  }
  expect(() => database.transaction(work)).toThrow(failure(/no$/))
  expect(() => database.durableTransaction(work)).toThrow(failure(/no$/))
  expect(count.get()).toEqual({ count: 0n })
  database.transaction(() => add.run('y'))
  expect(count.get()).toEqual({ count: 1n })
  database.close()
})

test('a durable transaction makes the next ones no slower', () => {
  const database = open(newFile())
  // Its answer is made when it is prepared.
  const mode = () => database.prepare({ mode: 'PRAGMA synchronous' }).mode.get()
  expect([database.durableTransaction(mode), mode()]).toEqual([{ synchronous: 2n }, { synchronous: 1n }])
  database.close()
})

test('tables grow from version to version, and one from the future is left alone', () => {
  const file = newFile()
  const old = open(file)
  sql(old).add.run('kept')
  old.close()
  const later = [...MIGRATIONS, 'ALTER TABLE notes ADD COLUMN more TEXT', "UPDATE notes SET more = 'new'"]
  const grown = open(file, { migrations: later })
  expect(grown.prepare({ all: 'SELECT text, more FROM notes' }).all.all()).toEqual([{ text: 'kept', more: 'new' }])
  grown.close()
  open(file, { migrations: later }).close()
  expect(() => open(file)).toThrow(failure(/version 3, newer than this program/))
})

test('a migration that fails leaves the version before it', () => {
  const file = newFile()
  open(file).close()
  expect(() => open(file, { migrations: [...MIGRATIONS, 'ALTER TABLE notes ADD COLUMN a TEXT; NONSENSE'] })).toThrow(
    failure(/syntax error/),
  )
  const database = open(file)
  sql(database).add.run('x')
  database.close()
})

test('a full disk is named, writes nothing, and is overcome', () => {
  const database = open(newFile())
  const { add, count } = sql(database)
  const { limit, lift } = database.prepare({ limit: 'PRAGMA max_page_count = 3', lift: 'PRAGMA max_page_count = 1000' })
  limit.get()
  const large = 'x'.repeat(20_000)
  expect(() => database.transaction(() => add.run(large))).toThrow(failure(/the disk is full: make room/))
  expect(count.get()).toEqual({ count: 0n })
  lift.get()
  database.transaction(() => add.run(large))
  expect(count.get()).toEqual({ count: 1n })
  database.close()
})

test('a file that is no database is named and not touched', () => {
  const file = newFile()
  const text = 'this is not a database, but somebody needs it\n'.repeat(20)
  writeFileSync(file, text)
  expect(() => open(file)).toThrow(failure(/not a file of SQLite/))
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test('places where no file can be are named', () => {
  mkdirSync(path.join(folder(), 'a-folder'))
  expect(() => open(path.join(folder(), 'a-folder'))).toThrow(failure(/it is a folder/))
  expect(() => open(path.join(folder(), 'none', 'x.db'))).toThrow(failure(/its folder does not exist/))
})

test.each([
  [Object.assign(new Error('attempt to write a readonly database'), { errcode: 1032 }), /cannot be written/],
  [Object.assign(new Error('permission denied'), { code: 'EACCES' }), /cannot be written/],
  [Object.assign(new Error('disk I/O error'), { errcode: 778 }), /the disk does not answer/],
  [new Error('something else'), /\/l\.db: something else$/],
  ['a text', /\/l\.db: a text$/],
])('the cause is told with what can be done: %s', (cause, message) => {
  const error = ledgerFailed('/l.db', cause)
  expect(error).toEqual(failure(message))
  expect(error.cause).toBe(cause)
  expect(error.details).toEqual({ path: '/l.db' })
  expect(ledgerFailed('/other.db', error)).toBe(error)
})
