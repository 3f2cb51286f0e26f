import { openSync, readFileSync, writeSync } from 'node:fs'
import { nowUs } from './clock.ts'

/** What processes note of what they see. Amounts in msat as decimal strings, `t` in microseconds of the common clock. */
export type Note =
  /** A process began; what an earlier one had open is over. */
  | { readonly is: 'life' }
  /** Seller: its node told of a settlement. Noted before the seller hears of it. */
  | { readonly is: 'settled'; readonly hash: string; readonly amount: string }
  /** Buyer: its node is about to be asked to pay. */
  | { readonly is: 'ask'; readonly hash: string; readonly amount: string }
  /** Buyer: its node said how a payment ended; `never` if it knows of none. */
  | { readonly is: 'end'; readonly hash: string; readonly status: 'settled' | 'failed' | 'never'; readonly fee: string }
  /** Buyer: a request on an agreement leaves. */
  | { readonly is: 'open'; readonly agreement: string; readonly request: number }
  /** Buyer: a request is over. */
  | { readonly is: 'shut'; readonly request: number }
  /** Buyer: its reader has taken so many more steps. */
  | { readonly is: 'got'; readonly agreement: string; readonly steps: number }
  /** Buyer: what a stream or a close was ended by, or what is wrong with a closing statement. */
  | {
      readonly is: 'trouble'
      readonly good: string
      readonly when: 'buying' | 'closing' | 'dispute'
      readonly code: string
      readonly text: string
    }

export type Timed = Note & { readonly t: number }

export interface Log {
  note(note: Note): void
}

/**
 * Opens a log to append to. Every note is handed to the system before the call returns, so that a killed process leaves
 * all that it saw up to its last instruction.
 */
export function openLog(path: string): Log {
  const file = openSync(path, 'a', 0o600)
  return { note: (note) => void writeSync(file, `${JSON.stringify({ t: nowUs(), ...note })}\n`) }
}

/** Reads a log. A line that a kill cut short is no line. */
export function readLog(path: string): Timed[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as Timed]
    } catch {
      return []
    }
  })
}
