import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { msat } from '../money/msat.ts'
import { openJournal, openLedger } from './index.ts'
import { Database } from './sqlite/database.ts'
import { agreement, hash, id, invoice, kept, payment, settlement } from './testing/samples.ts'
import { noSmallDisk, smallDisks } from './testing/smallDisk.ts'

const KIB = 1024
const FULL = { code: 'ledger-failed', message: expect.stringContaining('the disk is full: make room') }
const DENIED = { code: 'ledger-failed', message: expect.stringContaining('it cannot be written') }

describe.skipIf(noSmallDisk)(`books on a disk of their own${noSmallDisk ? ` (skipped: ${noSmallDisk})` : ''}`, () => {
  const newDisk = smallDisks()

  test.each([true, false])(
    'a full disk takes whole transactions or none, and is overcome (exclusive: %s)',
    (exclusive) => {
      const disk = newDisk(768)
      const migrations = ['CREATE TABLE notes (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT']
      const open = () => {
        const file = path.join(disk.path, 'x.db')
        const database = new Database({ path: file, exclusive, durable: 'always', migrations })
        const queries = { add: 'INSERT INTO notes (text) VALUES (?)', count: 'SELECT count(*) AS n FROM notes' }
        const { add, count } = database.prepare(queries)
        const pair = () => database.transaction(() => [add.run('x'.repeat(700)), add.run('y'.repeat(700))])
        return { database, pair, count: () => count.get()?.n }
      }
      let book = open()
      disk.occupy(256)
      let pairs = 0n
      // Until the log has used up what there is: the disk fills in the middle of some transaction.
      expect(() => {
        for (; ; pairs++) book.pair()
      }).toThrow(expect.objectContaining(FULL))
      expect(pairs).toBeGreaterThan(10n)
      expect(book.count()).toBe(2n * pairs)
      // An orderly end folds the log into the file, for which there may be no room either: nothing is lost by that.
      disk.fill()
      book.database.close()
      book = open()
      expect(book.count()).toBe(2n * pairs)
      disk.free()
      book.pair()
      book.database.close()
      book = open()
      expect(book.count()).toBe(2n * pairs + 2n)
      book.database.close()
    },
  )

  test('a book cannot be begun on a full disk, and can be when there is room', async () => {
    const disk = newDisk(256)
    disk.fill()
    const file = path.join(disk.path, 'ledger.db')
    expect(() => openLedger(file)).toThrow(expect.objectContaining(FULL))
    expect(() => openJournal(path.join(disk.path, 'journal.db'))).toThrow(expect.objectContaining(FULL))
    disk.free()
    const ledger = openLedger(file)
    expect(await ledger.addAgreement(agreement(1), 1, [invoice(1)])).toBe(true)
    await ledger.end()
  })

  test('a ledger on a full disk writes nothing of a call, and all of it once there is room', async () => {
    const disk = newDisk(768)
    const ledger = openLedger(path.join(disk.path, 'ledger.db'))
    const claim = (n: number) => {
      const invoiced = { paymentHash: hash(n), request: 'lnbcrt', amount: msat(10n), expiresAtMs: 10_000 }
      return { agreementId: id(9), ...invoiced }
    }
    await ledger.addAgreement(agreement(9), 1, [invoice(90)])
    await ledger.settle(settlement(90, 9000n, 1n))
    await ledger.close(id(9), 10n, '{}')
    await ledger.addAgreement(agreement(1), 1, [invoice(1), invoice(2)])
    await ledger.settle(settlement(1, 9000n))
    await ledger.lease(id(1), 10n, 1000n)
    expect(await ledger.addReturn(claim(50))).toBe(true)
    disk.fill()
    const before = await ledger.getAgreement(id(1))
    const long = JSON.stringify({ text: 'x'.repeat(8 * KIB) })
    const calls = {
      agreement: () => ledger.addAgreement(agreement(2), 2, [invoice(3)]),
      invoices: () => ledger.addInvoices(id(1), [invoice(4)]),
      settlement: () => ledger.settle(settlement(2, 5000n)),
      lease: () => ledger.lease(id(1), 500n, 2000n),
      return: () => ledger.addReturn(claim(51)),
      returned: () => ledger.endReturn(hash(50), 'failed', msat(0n)),
      close: () => ledger.close(id(1), 20n, long),
    }
    for (const [name, call] of Object.entries(calls)) await expect(call(), name).rejects.toMatchObject(FULL)
    expect(await ledger.getAgreement(id(1))).toEqual(before)
    expect(await ledger.getAgreement(id(2))).toBeUndefined()
    expect(await ledger.settlementIndex()).toBe(1n)
    expect(await ledger.countOpenInvoices(id(1), 0)).toBe(1)
    expect(await ledger.closingStatement(id(1))).toBeUndefined()
    expect((await ledger.pendingReturns()).map(({ paymentHash }) => paymentHash)).toEqual([hash(50)])

    disk.free()
    // What a seller tries again, with the same words.
    expect(await ledger.settle(settlement(2, 5000n))).toEqual({ agreementId: id(1), paid: 14_000n })
    for (const [name, call] of Object.entries(calls)) if (name !== 'settlement') await call()
    expect(await ledger.getAgreement(id(1))).toMatchObject({ paid: 14_000n, payments: 2, deliveredSteps: 20n })
    expect(await ledger.settlementIndex()).toBe(2n)
    await ledger.end()
  })

  test('a journal on a full disk lets no further payment be sent, and counts on for those it has', async () => {
    const disk = newDisk(768)
    const file = path.join(disk.path, 'journal.db')
    const journal = openJournal(file)
    await journal.addAgreement(kept(1))
    await journal.addPayment(payment(1))
    disk.fill()
    await expect(journal.addPayment(payment(2))).rejects.toMatchObject(FULL)
    await expect(journal.addAgreement(kept(2))).rejects.toMatchObject(FULL)
    // It stays open, and so counts as spent.
    const end = { status: 'settled', fee: msat(0n), preimage: hash(1) } as const
    await expect(journal.endPayment(hash(1), end)).rejects.toMatchObject(FULL)
    expect(await journal.payments({ open: true })).toMatchObject([{ paymentHash: hash(1), status: 'pending' }])
    expect((await journal.spending()).total).toBe(payment(1).amount + payment(1).maxFee)

    disk.free()
    await journal.endPayment(hash(1), end)
    expect(await journal.addPayment(payment(2))).toMatchObject({ written: true })
    expect(await journal.payments({ open: true })).toMatchObject([{ paymentHash: hash(2) }])
    await journal.end()
  })

  test('a read-only disk is named, and nothing on it is touched', async () => {
    const disk = newDisk(512)
    const files = ['ledger.db', 'journal.db'].map((name) => path.join(disk.path, name))
    await openLedger(files[0]!).end()
    await openJournal(files[1]!).end()
    const before = files.map((file) => readFileSync(file))
    disk.readOnly(true)
    expect(() => openLedger(files[0]!)).toThrow(expect.objectContaining(DENIED))
    expect(() => openJournal(files[1]!)).toThrow(expect.objectContaining(DENIED))
    expect(() => openLedger(path.join(disk.path, 'new.db'))).toThrow(expect.objectContaining(DENIED))
    disk.readOnly(false)
    for (const [i, file] of files.entries()) expect(readFileSync(file).equals(before[i]!)).toBe(true)
  })
})
