import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** How far a ledger says an agreement was delivered, and how far it may have been. */
export interface Written {
  readonly id: string
  readonly deliveredSteps: bigint
  readonly leasedSteps: bigint
}

/** Reads a ledger that its killed seller left, from a copy: opening it is recovering it, and that is for the next seller to do. */
export function readLedgerOfTheDead(folder: string): Written[] {
  const copy = mkdtempSync(join(folder, 'copy-'))
  try {
    for (const file of ['ledger.db', 'ledger.db-wal']) {
      if (existsSync(join(folder, file))) copyFileSync(join(folder, file), join(copy, file))
    }
    const db = new DatabaseSync(join(copy, 'ledger.db'))
    const statement = db.prepare('SELECT id, delivered_steps, leased_steps FROM agreements ORDER BY id')
    statement.setReadBigInts(true)
    const rows = statement.all() as Array<Record<string, bigint | string>>
    db.close()
    return rows.map((row) => ({
      id: row.id as string,
      deliveredSteps: row.delivered_steps as bigint,
      leasedSteps: row.leased_steps as bigint,
    }))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
