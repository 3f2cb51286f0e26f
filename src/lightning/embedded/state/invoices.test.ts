import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { msat, sat } from '../../../money/msat.ts'
import { Invoices, type MadeInvoice } from './invoices.ts'
import { NODE_SCHEMA } from './schema.ts'

const DAY_MS = 86_400_000
const made = (n: number, changes: Partial<MadeInvoice> = {}): MadeInvoice => ({
  request: `lnbcrt${n}`,
  paymentHash: n.toString(16).padStart(64, '0'),
  amount: sat(1),
  description: '',
  createdAtMs: Date.now(),
  expiresAtMs: Date.now() + 600_000,
  ...changes,
})
const open = () => {
  const db = new DatabaseSync(':memory:')
  db.exec(`PRAGMA synchronous = FULL; ${NODE_SCHEMA}`)
  const settle = (hash: string) => {
    db.prepare('INSERT INTO settlement (payment_hash, amount_msat) VALUES (?, ?)').run(hash, 1500)
    invoices.settled(hash, 123)
  }
  const invoices = new Invoices(db)
  return { db, invoices, settle, count: () => Number(db.prepare('SELECT count(*) AS n FROM invoice').get()!.n) }
}

it('tells what was made, what came, and when', () => {
  const { invoices, settle } = open()
  invoices.add([made(1), made(2, { amount: undefined } as never), made(3, { expiresAtMs: Date.now() - 1 })])
  settle(made(1).paymentHash)
  expect(invoices.newest(5).map(({ status, received, settledAtMs }) => [status, received, settledAtMs])).toEqual([
    ['expired', 0n, undefined],
    ['open', 0n, undefined],
    ['settled', msat(1500n), 123],
  ])
  expect(invoices.find(made(2).paymentHash)).not.toHaveProperty('amount')
  expect(invoices.find(made(9).paymentHash)).toBeUndefined()
})

it('forgets what was never paid a day after it expired, and nothing that was', () => {
  const { db, invoices, settle } = open()
  const old = { expiresAtMs: Date.now() - DAY_MS - 1000 }
  invoices.add([made(1, old), made(2, old), made(3, { expiresAtMs: Date.now() - DAY_MS + 60_000 })])
  settle(made(1).paymentHash)
  expect(new Invoices(db).newest(5).map(({ request }) => request)).toEqual(['lnbcrt3', 'lnbcrt1'])
})

it('keeps so many that were never paid, however many are made', () => {
  const { invoices, settle, count } = open()
  const all = Array.from({ length: 21_000 }, (_, n) => made(n))
  invoices.add(all.slice(0, 1))
  settle(all[0]!.paymentHash)
  for (let n = 1; n < all.length; n += 100) invoices.add(all.slice(n, n + 100))
  expect(count()).toBeLessThanOrEqual(20_501)
  expect(count()).toBeGreaterThan(20_000)
  expect(invoices.find(all[0]!.paymentHash)).toMatchObject({ status: 'settled' })
  expect(invoices.find(all[1]!.paymentHash)).toBeUndefined()
  expect(invoices.newest(1)[0]!.request).toBe('lnbcrt20999')
})

it('leaves the database as durable as it was, also where nothing could be written', () => {
  const { db, invoices } = open()
  const durability = () => Number(db.prepare('PRAGMA synchronous').get()!.synchronous)
  const before = durability()
  invoices.add([made(1)])
  expect(durability()).toBe(before)
  expect(() => invoices.add([made(2), { ...made(3), request: null as never }])).toThrow()
  expect(durability()).toBe(before)
  expect([db.isTransaction, invoices.find(made(2).paymentHash)]).toEqual([false, undefined])
})
