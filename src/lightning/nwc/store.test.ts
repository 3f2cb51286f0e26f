import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { msat } from '../../money/msat.ts'
import { WalletStore } from './store.ts'

const KEY = 'ab'.repeat(32)
const hash = (n: number): string => n.toString(16).padStart(64, '0')
const folders: string[] = []
const stores: WalletStore[] = []
const folderOf = (): string => {
  folders.push(mkdtempSync(join(tmpdir(), 'streampay-nwc-')))
  return folders.at(-1)!
}
const open = (folder = folderOf()): WalletStore => {
  stores.push(new WalletStore(folder, KEY))
  return stores.at(-1)!
}
afterEach(() => {
  for (const store of stores.splice(0)) store.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})
const paid = (...numbers: number[]) => numbers.map((n) => ({ paymentHash: hash(n), amount: msat(BigInt(n)) }))
const indices = (store: WalletStore, since = 0n) => store.settledAfter(since).map(({ index }) => index)

test('a payment is sent once, unless it failed', () => {
  const folder = folderOf()
  const one = open(folder)
  const two = open(folder)
  expect(one.noteSent(hash(1), 5)).toBe(true)
  expect(two.noteSent(hash(1), 5)).toBe(false)
  expect(two.payment(hash(1))).toMatchObject({ state: 'sent', untilMs: 5 })
  two.noteFailed(hash(1))
  expect(one.noteSent(hash(1), 9)).toBe(true)
  one.noteSettled(hash(1), hash(7), msat(3n))
  two.noteFailed(hash(1))
  expect(two.noteSent(hash(1), 9)).toBe(false)
  expect(two.payment(hash(1))).toMatchObject({ state: 'settled', preimage: hash(7), fee: 3n })
  expect(one.payment(hash(2))).toBeUndefined()
})

test('a settlement has one number for good, whoever wrote it, and the file is its owner’s alone', () => {
  const folder = folderOf()
  const one = open(folder)
  const two = open(folder)
  one.noteMade([{ paymentHash: hash(2), createdAtMs: 1, expiresAtMs: 2 }])
  one.settle(paid(1, 2))
  two.settle(paid(2, 3))
  expect(two.settledAfter(0n).map(({ paymentHash }) => paymentHash)).toEqual([hash(1), hash(2), hash(3)])
  const seen = indices(one)
  expect(seen).toEqual(seen.toSorted((a, b) => Number(a - b)))
  expect(indices(one, seen[1])).toEqual(seen.slice(2))
  expect(one.openInvoices()).toEqual([])
  expect(one.isSettled(hash(3))).toBe(true)
  expect(statSync(join(folder, `${KEY.slice(0, 16)}.db`)).mode & 0o777).toBe(0o600)
})

test('where the file was lost, numbers go on above what a ledger has seen', () => {
  const fresh = open()
  fresh.startAbove(41n)
  fresh.settle(paid(1))
  expect(indices(fresh, 41n)).toHaveLength(1)
  const used = open()
  used.settle(paid(1))
  used.startAbove(41n)
  used.startAbove(7n)
  used.settle(paid(2))
  expect(indices(used)[1]).toBeGreaterThan(41n)
})

test('invoices wait in the order they were made, and facts stay', () => {
  const folder = folderOf()
  const store = open(folder)
  store.noteMade([2, 1].map((n) => ({ paymentHash: hash(n), createdAtMs: n, expiresAtMs: n + 10 })))
  expect(store.openInvoices().map(({ createdAtMs }) => createdAtMs)).toEqual([1, 2])
  expect(store.isOpen(hash(1))).toBe(true)
  store.drop(hash(1))
  expect(store.isOpen(hash(1))).toBe(false)
  store.setFact('a', 'b')
  store.close()
  expect(open(folder).fact('a')).toBe('b')
})

test('a file that is none says so', () => {
  const folder = folderOf()
  writeFileSync(join(folder, `${KEY.slice(0, 16)}.db`), 'x'.repeat(5000))
  expect(() => open(folder)).toThrow(expect.objectContaining({ code: 'node-corrupt' }))
})
