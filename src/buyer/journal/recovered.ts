import type { StreamError } from '../../errors/error.ts'
import type { Journal, JournalAgreement } from '../../ledger/journal.ts'
import type { LightningNode } from '../../lightning/node.ts'
import type { Msat } from '../../money/msat.ts'
import type { Closing } from '../trade/closing.ts'

export interface RecoverOptions {
  /** The node that earlier runs paid with: only that one knows what became of their payments. */
  readonly node: LightningNode
  /** What earlier runs wrote. */
  readonly journal: Journal
  /** What sends requests; the default is `globalThis.fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /** Also closes the agreements that were left open, and takes their balances back. False by default: a later purchase takes them up. */
  readonly close?: boolean
  /** Which agreements are taken up; all by default. */
  readonly takes?: (agreement: JournalAgreement) => boolean
  /** How long payments without an outcome are followed. In ms; 60 s by default. */
  readonly withinMs?: number
  /** Ends it where it is: what was found out by then is in the journal, and another run goes on from there. None by default. */
  readonly signal?: AbortSignal
}

/** An agreement of an earlier run, and what became of it. */
export interface RecoveredAgreement {
  readonly id: string
  readonly url: string
  readonly paid: Msat
  /** `open`: it was left so. `failed`: see `error`; another try may do. */
  readonly now: 'open' | 'closed' | 'failed'
  /** What became of the balance, where the agreement is closed. */
  readonly returned?: Closing['returned']
  readonly amount: Msat
  readonly error?: StreamError
}
