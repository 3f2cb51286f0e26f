import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Msat, msat } from '../../../src/money/msat.ts'
import { type Price, price } from '../../../src/money/price.ts'
import { creditAt } from '../../../src/terms/credit.ts'
import type { Credit } from '../../../src/terms/terms.ts'

/** An agreement in the seller's ledger. Amounts in msat. */
export interface SoldAgreement {
  readonly id: string
  readonly price: Price
  readonly credit: Credit
  readonly deliveredSteps: bigint
  readonly paid: bigint
  readonly returned: bigint
  readonly closed: boolean
}

export interface SellerBooks {
  readonly agreements: ReadonlyMap<string, SoldAgreement>
  /** Payment hash → the agreement it was made for, what it asked for, and what came if it was paid. */
  readonly invoices: ReadonlyMap<
    string,
    { readonly agreement: string; readonly asked: bigint; readonly came: bigint | undefined }
  >
  readonly returns: ReadonlyArray<{
    readonly hash: string
    readonly agreement: string
    readonly amount: bigint
    readonly status: string
    readonly fee: bigint
  }>
}

export interface BuyerBooks {
  /** Payment hash → what the buyer wrote down. */
  readonly payments: ReadonlyMap<
    string,
    { readonly agreement: string; readonly amount: bigint; readonly fee: bigint; readonly status: string }
  >
  readonly openAgreements: number
}

/** The credit of an agreement that has paid so much. */
export const creditOf = ({ credit }: SoldAgreement, paid: bigint): bigint => creditAt(credit, msat(paid))

/** Reads the tables and not the classes of the ledger: what is judged does not answer for itself. */
export function readSellerBooks(folder: string): SellerBooks {
  const { all, close } = open(join(folder, 'ledger.db'))
  const agreements = all('SELECT * FROM agreements').map(
    (row): SoldAgreement => ({
      id: text(row.id),
      price: price(row.price_msat as bigint, row.price_per as bigint, text(row.unit)),
      credit: { start: row.credit_start as Msat, max: row.credit_max as Msat, ramp: row.credit_ramp as bigint },
      deliveredSteps: row.delivered_steps as bigint,
      paid: row.paid as bigint,
      returned: row.returned as bigint,
      closed: row.statement !== null,
    }),
  )
  const invoices = all('SELECT payment_hash, agreement_id, amount, settled_amount FROM invoices').map((row) => {
    const came = row.settled_amount === null ? undefined : (row.settled_amount as bigint)
    return [text(row.payment_hash), { agreement: text(row.agreement_id), asked: row.amount as bigint, came }] as const
  })
  const returns = all('SELECT payment_hash, agreement_id, amount, status, fee FROM returns').map((row) => ({
    hash: text(row.payment_hash),
    agreement: text(row.agreement_id),
    amount: row.amount as bigint,
    status: text(row.status),
    fee: row.fee as bigint,
  }))
  close()
  return { agreements: new Map(agreements.map((one) => [one.id, one])), invoices: new Map(invoices), returns }
}

export function readBuyerBooks(folder: string): BuyerBooks {
  const { all, close } = open(join(folder, 'journal.db'))
  const payments = all('SELECT payment_hash, agreement_id, amount, fee, status FROM payments').map((row) => {
    const payment = {
      agreement: text(row.agreement_id),
      amount: row.amount as bigint,
      fee: row.fee as bigint,
      status: text(row.status),
    }
    return [text(row.payment_hash), payment] as const
  })
  const open_ = all(`SELECT id FROM agreements WHERE state = 'open'`)
  close()
  return { payments: new Map(payments), openAgreements: open_.length }
}

type Row = Readonly<Record<string, unknown>>

const text = (value: unknown): string => value as string

function open(path: string): { all(sql: string): Row[]; close(): void } {
  // A process that runs may be writing.
  const db = new DatabaseSync(path, { timeout: 5000 })
  return {
    all(sql) {
      const statement = db.prepare(sql)
      statement.setReadBigInts(true)
      return statement.all() as Row[]
    },
    close: () => db.close(),
  }
}
