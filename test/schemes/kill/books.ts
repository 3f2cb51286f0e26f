import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { type Token, tokenOf } from '../../../src/buyer/schemes/token.ts'
import { openJournal } from '../../../src/ledger/index.ts'
import type { JournalAgreement, JournalPayment } from '../../../src/ledger/journal.ts'
import { createEmbeddedNode } from '../../../src/lightning/embedded/index.ts'
import type { PaymentOutcome, Settlement } from '../../../src/lightning/node.ts'

/** A row of the seller's ledger that an invoice of a 402 stands for. */
export interface Sold {
  readonly id: string
  readonly scheme: string
  /** Of a top-up the session's row. */
  readonly claim_reference: string | null
  readonly scope: string
  readonly price_msat: bigint
  readonly price_per: bigint
  readonly delivered_steps: bigint
  readonly leased_steps: bigint
  readonly paid: bigint
  readonly returned: bigint
  readonly statement: string | null
}
export interface Minted {
  readonly payment_hash: string
  readonly agreement_id: string
  readonly settled_amount: bigint | null
}
export interface Returned {
  readonly payment_hash: string
  readonly agreement_id: string
  readonly amount: bigint
  readonly status: string
}
export interface Ledger {
  readonly sold: readonly Sold[]
  readonly minted: readonly Minted[]
  readonly returned: readonly Returned[]
}

/** The seller's ledger as its process left it, which has ended. */
export function readLedger(home: string): Ledger {
  const folder = join(home, 'state', 'seller')
  const [name] = readdirSync(folder)
  const database = new DatabaseSync(join(folder, name!, 'ledger.db'))
  const all = (sql: string) => {
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    return statement.all()
  }
  try {
    return {
      sold: all('SELECT * FROM agreements') as unknown as Sold[],
      minted: all('SELECT * FROM invoices') as unknown as Minted[],
      returned: all('SELECT * FROM returns') as unknown as Returned[],
    }
  } finally {
    database.close()
  }
}

export interface BuyerBooks {
  readonly tokens: ReadonlyArray<{ readonly token: Token; readonly entry: JournalAgreement }>
  readonly payments: readonly JournalPayment[]
}

export async function readJournal(home: string): Promise<BuyerBooks> {
  const journal = openJournal(join(home, 'state', 'buyer', 'journal.db'))
  try {
    const tokens = (await journal.agreements()).map((entry) => ({ token: tokenOf(entry)!, entry }))
    return { tokens, payments: await journal.payments() }
  } finally {
    await journal.end()
  }
}

export interface Node {
  readonly settlements: readonly Settlement[]
  readonly outcomes: ReadonlyMap<string, PaymentOutcome | undefined>
}

/** What a node of a process that has ended says: all that settled at it, and what became of these payments. */
export async function askNode(home: string, name: string, paymentHashes: readonly string[]): Promise<Node> {
  const node = await createEmbeddedNode({ home: join(home, 'state', 'regtest'), name })
  try {
    const settlements: Settlement[] = []
    const end = node.subscribeSettlements(
      0n,
      (one) => settlements.push(one),
      () => {},
    )
    const outcomes = new Map<string, PaymentOutcome | undefined>()
    for (const hash of paymentHashes) outcomes.set(hash, await node.lookupPayment(hash))
    const settled = (await node.listInvoices({ limit: 1000 })).filter(({ status }) => status === 'settled')
    await expect.poll(() => settlements.length).toBeGreaterThanOrEqual(settled.length)
    end()
    return { settlements, outcomes }
  } finally {
    await node.close()
  }
}
