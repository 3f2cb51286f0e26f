import type { Gate } from '../../meter/gate.ts'
import type { Account } from '../account.ts'

/** What an account is to a hold, over a gate alone: no ledger, no grace. */
export function accountOver(gate: Gate): Account {
  const account = {
    tryAcquire: (steps: bigint, least: bigint) => gate.reserve(steps, least),
    acquire: (steps: bigint, least: bigint, _graceMs: number, signal: AbortSignal) =>
      gate.acquire(steps, least, signal),
    release: (steps: bigint) => {
      if (steps > 0n) gate.release(steps)
    },
  }
  return account as unknown as Account
}
