import { msat, sat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'
import type { Agreement } from '../../terms/terms.ts'
import type { NewAgreement, NewPayment } from '../journal.ts'
import type { InvoiceRecord } from '../ledger.ts'

/** A payment hash or an id for each number. */
export const hash = (n: number): string => n.toString(16).padStart(64, '0')
export const id = (n: number): string => n.toString(16).padStart(32, '0')

/** An agreement at 1 sat for 1000 tokens, which is 1 msat a step. */
export const agreement = (n: number, changes: Partial<Agreement> = {}): Agreement => ({
  id: id(n),
  price: parsePrice('1 sat/1k tokens'),
  credit: { start: sat(1), max: sat(100), ramp: 4n },
  smallestPayment: sat(1),
  network: 'regtest',
  payee: `02${'ab'.repeat(32)}`,
  scope: '/v1',
  expiresAtMs: 1_900_000_000_000,
  ...changes,
})

export const invoice = (n: number, expiresAtMs = 10_000): InvoiceRecord => ({
  paymentHash: hash(n),
  amount: sat(1),
  expiresAtMs,
})

export const settlement = (n: number, amount: bigint, index = BigInt(n)) => ({
  index,
  paymentHash: hash(n),
  amount: msat(amount),
})

export const payment = (n: number, changes: Partial<NewPayment> = {}): NewPayment => ({
  paymentHash: hash(n),
  request: `lnbcrt${n}`,
  agreementId: id(1),
  origin: 'http://127.0.0.1:2402',
  payer: `03${'cd'.repeat(32)}`,
  amount: sat(10),
  maxFee: sat(1),
  createdAtMs: n,
  receivedSteps: 0n,
  ...changes,
})

export const kept = (n: number, changes: Partial<NewAgreement> = {}): NewAgreement => ({
  id: id(n),
  secret: hash(n),
  url: 'http://127.0.0.1:2402/film.mp4',
  method: 'GET',
  challenge: '{"id":"x"}',
  agreement: '{"agreement":"x"}',
  createdAtMs: n,
  ...changes,
})
