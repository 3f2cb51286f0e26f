import type { CallerLimits } from '../ledger/limits.ts'

/** Who asks. Whoever calls the handler has made sure of that. */
export interface Caller {
  readonly name: string
  /** Everything is allowed to, and seen by, the owner. */
  readonly isOwner: boolean
  readonly limits: CallerLimits
}

/** The callers that are kept, as far as the API shows and changes them. */
export interface CallerBook {
  list(): readonly KeptCaller[]
  /** A new caller, and its token, which is told this once. @throws StreamError `option-invalid`, `ledger-failed` */
  add(name: string, limits: CallerLimits): { readonly caller: Caller; readonly token: string }
  /** `false` if there is none of that name. */
  remove(name: string): boolean
}

export interface KeptCaller {
  readonly name: string
  readonly limits: CallerLimits
  readonly createdAtMs: number
}
