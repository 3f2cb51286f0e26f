import type { Network } from '../../lightning/node.ts'
import { type Msat, msat } from '../../money/msat.ts'
import { price } from '../../money/price.ts'
import type { Agreement } from '../../terms/terms.ts'
import type { AgreementRecord, ReturnRecord } from '../ledger.ts'
import type { Row } from './database.ts'

export const text = (row: Row, name: string): string => String(row[name])
export const integer = (row: Row, name: string): bigint => BigInt(row[name] ?? 0n)
export const amount = (row: Row, name: string): Msat => msat(integer(row, name))
export const number = (row: Row, name: string): number => Number(row[name])

export function readAgreement(row: Row): AgreementRecord {
  const agreement: Agreement = {
    id: text(row, 'id'),
    price: price(integer(row, 'price_msat'), integer(row, 'price_per'), text(row, 'unit')),
    credit: { start: amount(row, 'credit_start'), max: amount(row, 'credit_max'), ramp: integer(row, 'credit_ramp') },
    smallestPayment: amount(row, 'smallest_payment'),
    network: text(row, 'network') as Network,
    payee: text(row, 'payee'),
    scope: text(row, 'scope'),
    expiresAtMs: number(row, 'expires_at_ms'),
  }
  return {
    agreement,
    createdAtMs: number(row, 'created_at_ms'),
    state: row.statement === null ? 'open' : 'closed',
    deliveredSteps: integer(row, 'delivered_steps'),
    leasedSteps: integer(row, 'leased_steps'),
    paid: amount(row, 'paid'),
    returned: amount(row, 'returned'),
    payments: number(row, 'payments'),
  }
}

export function readReturn(row: Row): ReturnRecord {
  return {
    agreementId: text(row, 'agreement_id'),
    paymentHash: text(row, 'payment_hash'),
    request: text(row, 'request'),
    amount: amount(row, 'amount'),
    status: text(row, 'status') as ReturnRecord['status'],
    fee: amount(row, 'fee'),
  }
}
