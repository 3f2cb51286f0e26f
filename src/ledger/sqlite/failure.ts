import { StreamError } from '../../errors/error.ts'

const FULL = 'the disk is full: make room'
const DENIED = 'it cannot be written: check whose the file and its folder are'
const DAMAGED = 'it is damaged: keep a copy, and go back to a backup'

/** What people can mend, by SQLite's primary result code (https://www.sqlite.org/rescode.html) or the system's error code. */
const REASONS: Readonly<Record<string | number, string>> = {
  5: 'another process uses it: stop that one, or name another file',
  8: DENIED,
  10: 'the disk does not answer as it should',
  11: DAMAGED,
  13: FULL,
  14: 'it cannot be opened: check that its folder exists, and whose it is',
  26: 'it is not a file of SQLite, or it is damaged: keep a copy, and name another file',
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: DENIED,
  ENOSPC: FULL,
  ENOENT: 'its folder does not exist',
  EISDIR: 'it is a folder: name a file',
}
const BUSY = 5

/** Any failure of a store, as the one error that its users see. */
export function ledgerFailed(path: string, cause: unknown): StreamError {
  if (cause instanceof StreamError && cause.code === 'ledger-failed') return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const reason = REASONS[codeOf(cause) ?? '']
  return new StreamError('ledger-failed', `${path}: ${reason ? `${reason} (${message})` : message}`, { path }, cause)
}

export const isBusy = (error: unknown): boolean => codeOf(error) === BUSY

/** The low byte of SQLite's code says what, the rest where. */
function codeOf(error: unknown): string | number | undefined {
  if (!(error instanceof Error)) return undefined
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
