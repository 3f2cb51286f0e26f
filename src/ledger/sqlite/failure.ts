import { StreamError } from '../../errors/error.ts'
import { storageTrouble } from '../../errors/storage.ts'

/** Any failure of a store, as the one error that its users see. */
export function ledgerFailed(path: string, cause: unknown): StreamError {
  if (cause instanceof StreamError && cause.code === 'ledger-failed') return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const reason = storageTrouble(cause)?.reason
  return new StreamError('ledger-failed', `${path}: ${reason ? `${reason} (${message})` : message}`, { path }, cause)
}

export const isBusy = (error: unknown): boolean => storageTrouble(error)?.kind === 'busy'
