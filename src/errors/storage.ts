import { StreamError } from './error.ts'

/** What keeps a file from being read or written, as far as a person can mend it. */
export interface StorageTrouble {
  readonly kind: 'full' | 'denied' | 'damaged' | 'busy' | 'silent' | 'place'
  /** What is wrong and what to do, to follow "PATH: ". */
  readonly reason: string
}

const FULL: StorageTrouble = { kind: 'full', reason: 'the disk is full: make room' }
const DENIED: StorageTrouble = {
  kind: 'denied',
  reason: 'it cannot be written: check whose the file and its folder are, and that the disk is not read-only',
}
const SILENT: StorageTrouble = { kind: 'silent', reason: 'the disk does not answer as it should' }
const DAMAGED: StorageTrouble = { kind: 'damaged', reason: 'it is damaged: keep a copy, and go back to a backup' }

/** By SQLite's result code (https://www.sqlite.org/rescode.html), the extended one or its low byte, or the system's error code. */
const TROUBLES: Readonly<Record<string | number, StorageTrouble>> = {
  5: { kind: 'busy', reason: 'another process uses it: stop that one, or name another file' },
  8: DENIED,
  10: SILENT,
  11: DAMAGED,
  13: FULL,
  14: { kind: 'place', reason: 'it cannot be opened: check that its folder exists, and whose it is' },
  26: {
    kind: 'damaged',
    reason: 'it is not a file of SQLite, or it is damaged: keep a copy, and name another file or go back to a backup',
  },
  // SQLITE_IOERR_SHMSIZE: the index of the log cannot grow.
  4874: FULL,
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: DENIED,
  ENOSPC: FULL,
  EDQUOT: FULL,
  EIO: SILENT,
  ENOENT: { kind: 'place', reason: 'its folder does not exist' },
  EISDIR: { kind: 'place', reason: 'it is a folder: name a file' },
}

/** The same in SQLite's words: Deno tells some errors without their number. */
const WORDS: ReadonlyArray<readonly [string, number]> = [
  ['database is locked', 5],
  ['attempt to write a readonly database', 8],
  ['disk I/O error', 10],
  ['database disk image is malformed', 11],
  ['database or disk is full', 13],
  ['unable to open database file', 14],
  ['file is not a database', 26],
]

/** What an error of SQLite or of the file system means; `undefined` for any other. */
export function storageTrouble(error: unknown): StorageTrouble | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof DamagedFile) return DAMAGED
  if ('errcode' in error && typeof error.errcode === 'number') {
    // The low byte says what, the rest where.
    return TROUBLES[error.errcode] ?? TROUBLES[error.errcode & 0xff]
  }
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  if (error.code !== 'ERR_SQLITE_ERROR') return TROUBLES[error.code]
  const [, number] = WORDS.find(([words]) => error.message.startsWith(words)) ?? []
  return number === undefined ? undefined : TROUBLES[number]
}

/** SQLite, as the runtime has it. @throws StreamError `runtime-unable` where there is none, as in Node.js 20 */
export function sqliteOf<T>(module: T | undefined): T {
  if (module) return module
  throw new StreamError(
    'runtime-unable',
    'books and nodes on disk need the module node:sqlite, which this runtime lacks',
  )
}

/** Ends a transaction that failed. A full disk can have ended it already, and then there is nothing to do. */
export function rollBack(database: { exec(sql: string): void }): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // What made it fail is told, and says more.
  }
}

/** A file that cannot hold what it once held. The message says what was found. */
export class DamagedFile extends Error {}

/**
 * Whether a SQLite file was not closed in order, or is open elsewhere: then its log lies beside it.
 * @param sizeOf bytes of a file, 0 if there is none
 * @throws DamagedFile for a log without what it belongs to; SQLite would take the file for a new one, and delete the log
 */
export function hasLog(path: string, sizeOf: (file: string) => number): boolean {
  // In this order: another process that makes the file at this moment writes into it before it has a log.
  if (sizeOf(`${path}-wal`) === 0) return false
  if (sizeOf(path) === 0) throw new DamagedFile('the file is empty, and its log is not')
  return true
}

/** Judges the rows of `PRAGMA quick_check` or `integrity_check`. @throws DamagedFile with the first finding */
export function assertWhole(rows: ReadonlyArray<Readonly<Record<string, unknown>>>): void {
  const [finding] = rows.flatMap((row) => Object.values(row)).filter((text) => text !== 'ok')
  if (finding !== undefined) throw new DamagedFile(String(finding))
}
