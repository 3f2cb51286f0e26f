import { expect, test } from 'vitest'
import { sqliteOf, storageTrouble } from './storage.ts'

/** An error of SQLite as a runtime tells it: all say what it was, and not all by its number. */
const told = (message: string, errcode?: number): Error =>
  Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', ...(errcode !== undefined && { errcode }) })

test.each([
  ['database is locked', 5, 'busy'],
  ['attempt to write a readonly database', 8, 'denied'],
  ['disk I/O error', 10, 'silent'],
  ['database disk image is malformed', 11, 'damaged'],
  ['database or disk is full', 13, 'full'],
  ['unable to open database file: /nowhere/journal.db', 14, 'place'],
  ['file is not a database', 26, 'damaged'],
] as const)('%s is known by its number and by its words', (message, number, kind) => {
  expect(storageTrouble(told('whatever', number))?.kind).toBe(kind)
  expect(storageTrouble(told(message))).toEqual(storageTrouble(told('whatever', number)))
})

test('what else SQLite says is no trouble of the disk, and neither are its words from elsewhere', () => {
  expect(storageTrouble(told('near "foo": syntax error'))).toBeUndefined()
  expect(storageTrouble(told('near "database is locked": syntax error', 1))).toBeUndefined()
  expect(storageTrouble(new Error('database is locked'))).toBeUndefined()
})

test('a runtime without SQLite is named as what is missing', () => {
  const sqlite = {}
  expect(sqliteOf(sqlite)).toBe(sqlite)
  expect(() => sqliteOf(undefined)).toThrow(expect.objectContaining({ code: 'runtime-unable' }))
})
