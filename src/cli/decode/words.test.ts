import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import type { InvoiceRecord } from '../../lightning/node.ts'
import type { PreparedPayment } from '../../lightning/verbs/prepare.ts'
import { msat, sat, ZERO } from '../../money/msat.ts'
import { invoiceDetails } from '../../wire/invoiceDetails.ts'
import { invoice, nowMs, payee } from '../../wire/testing/fixtures.ts'
import { lineOf, standing } from '../invoice/words.ts'
import { deedOf } from '../pay/outcome.ts'
import { inWords } from './words.ts'

const VECTORS = path.join(import.meta.dirname, '..', '..', '..', 'spec', 'vectors', 'bolt11.json')
const { invoices } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { invoices: { invoice: string }[] }

it('an invoice in words: its network, its money, its time', () => {
  const words = inWords(invoiceDetails(invoice), nowMs + 60_000).join('\n')
  expect(words).toContain('network      regtest: its coins are worth nothing')
  expect(words).toContain('amount       20 sat')
  expect(words).toContain('for          "Stream"')
  expect(words).toContain(`payee        ${payee}`)
  expect(words).toContain('expires      2026-01-02T03:14:05.000Z, in 9 minutes')
  expect(words).toMatch(/features .*payment_secret \(required\)/)
  expect(inWords(invoiceDetails(invoice), nowMs + 4 * 86_400_000).join('\n')).toMatch(/^expired .*, 3 days ago$/m)
})

it('every invoice of BOLT 11 has words, and each of its ways a line', () => {
  for (const vector of invoices) {
    const details = invoiceDetails(vector.invoice)
    const lines = inWords(details, nowMs)
    expect(lines.filter((line) => line.startsWith('by way of'))).toHaveLength(details.routeHints.length)
    expect(lines.filter((line) => line.startsWith('or on chain'))).toHaveLength(details.fallbacks.length)
    expect(lines.join('')).not.toMatch(/undefined|\p{Cc}/u)
  }
})

const record: InvoiceRecord = {
  request: invoice,
  paymentHash: 'ef'.repeat(32),
  amount: sat(20),
  received: ZERO,
  status: 'open',
  description: 'a\u001b[2J',
  createdAtMs: nowMs,
  expiresAtMs: nowMs + 600_000,
}

it('how an invoice of the node stands', () => {
  const paid = { ...record, status: 'settled', received: msat(20_500n), settledAtMs: nowMs } as const
  expect(standing(record, nowMs)).toBe('not paid yet; expires in 10 minutes')
  expect(standing({ ...record, status: 'expired' }, nowMs + 4_200_000)).toBe('not paid; expired 1 hour ago')
  expect(standing({ ...record, status: 'canceled' }, nowMs)).toBe('canceled, and not paid')
  expect(standing(paid, nowMs + 120_000)).toBe('paid with 20.5 sat 2 minutes ago')
  expect(standing({ ...paid, request: '' }, nowMs)).toBe('a keysend of 20.5 sat 0 seconds ago')
  expect(lineOf(record)).toMatch(/^ {2}2026-01-02 03:04 {2}open .* 20 sat {2}efef.*"a\\u\{1b\}\[2J"$/)
})

it('what is asked before real money moves names the amount, the fee and the payee', () => {
  const payment: PreparedPayment = {
    ...{ paymentHash: '', network: 'mainnet', payee, description: '' },
    ...{ amount: sat(2100), maxFee: sat(63), way: { kind: 'invoice', request: '' } },
  }
  expect(deedOf(payment)).toBe(`pay 2 100 sat, and at most 63 sat for routing, to ${payee}`)
})
