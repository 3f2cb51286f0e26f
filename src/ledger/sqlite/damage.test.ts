import { appendFileSync, cpSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeAll, expect, test } from 'vitest'
import { openJournal, openLedger } from '../index.ts'
import { agreement, id, invoice, payment, settlement } from '../testing/samples.ts'
import { temporaryFolder } from '../testing/temporary.ts'

const PAGE = 4096
const PAYMENTS = 400
const folder = temporaryFolder()
let files = 0
let whole: string
let cutShort: string

/** A journal that was closed, and one whose process is gone: its last payments are in the log alone. */
beforeAll(async () => {
  whole = path.join(folder(), 'whole.db')
  const journal = openJournal(whole)
  await Promise.all(Array.from({ length: PAYMENTS }, (_, n) => journal.addPayment(payment(n))))
  await journal.end()
  const used = openJournal(whole)
  for (let n = PAYMENTS; n < PAYMENTS + 5; n++) await used.addPayment(payment(n))
  cutShort = copy(whole)
  await used.end()
})

/** The file as it lies on the disk at this moment, with its log: what a killed process leaves. */
function copy(file: string): string {
  const to = path.join(folder(), `${files++}.db`)
  for (const end of ['', '-wal']) if (existsSync(`${file}${end}`)) cpSync(`${file}${end}`, `${to}${end}`)
  return to
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const content = readFileSync(file)
  content.set(bytes, at)
  writeFileSync(file, content)
}

const refusal = (reason: RegExp) =>
  expect.objectContaining({ code: 'ledger-failed', message: expect.stringMatching(reason) })
const noise = (length: number) => new Uint8Array(length).fill(0x5a)

test.each<[string, (file: string) => void, RegExp]>([
  ['its first bytes', (file) => overwrite(file, 0, noise(16)), /not a file of SQLite, or it is damaged: keep a copy/],
  ['the rest of its header', (file) => overwrite(file, 16, noise(84)), /damaged: keep a copy/],
  ['one page', (file) => overwrite(file, 10 * PAGE, noise(PAGE)), /damaged: keep a copy, and go back to a backup/],
  ['a page of zeros', (file) => overwrite(file, 10 * PAGE, new Uint8Array(PAGE)), /damaged: keep a copy/],
  ['half of it', (file) => truncateSync(file, 10 * PAGE), /damaged: keep a copy, and go back to a backup/],
  ['part of a page', (file) => truncateSync(file, statSync(file).size - 100), /damaged: keep a copy/],
])('a file that lost %s is refused before anything is read from it', (_, damage, reason) => {
  const file = copy(whole)
  damage(file)
  const before = readFileSync(file)
  expect(() => openJournal(file)).toThrow(refusal(reason))
  expect(readFileSync(file).equals(before), 'it is left as it is').toBe(true)
})

test('damage of any page is refused', async () => {
  const size = statSync(whole).size
  let refused = 0
  for (let page = 1; page < size / PAGE; page++) {
    const file = copy(whole)
    overwrite(file, page * PAGE, noise(64))
    try {
      await openJournal(file).end()
    } catch (error) {
      expect(error).toEqual(refusal(/damaged/))
      refused++
    }
  }
  expect(refused).toBe(size / PAGE - 1)
})

test('an index that lost a payment is found where the last user was cut short', () => {
  const file = copy(cutShort)
  const database = new DatabaseSync(file, { defensive: false })
  database.exec(`PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(sql, 'status IN', '1 = 0 AND status IN') WHERE name = 'open_payments'`)
  database.close()
  const forged = new DatabaseSync(file, { defensive: false })
  forged.exec('REINDEX open_payments; PRAGMA writable_schema = ON')
  forged.exec(`UPDATE sqlite_schema SET sql = replace(sql, '1 = 0 AND ', '') WHERE name = 'open_payments'`)
  const crashed = copy(file)
  forged.close()
  expect(() => openJournal(crashed)).toThrow(refusal(/damaged.*open_payments/))
})

test('a log is read up to its last whole commit, wherever it was cut or spoiled', async () => {
  const log = readFileSync(`${cutShort}-wal`)
  const kept = new Set<number>()
  for (const part of [1, 0.9, 0.7, 0.5, 0.3, 0.1]) {
    for (const garbage of [0, 5000]) {
      const file = copy(cutShort)
      truncateSync(`${file}-wal`, Math.floor(log.length * part))
      if (garbage > 0) appendFileSync(`${file}-wal`, noise(garbage))
      const journal = openJournal(file)
      const payments = (await journal.payments({ open: true })).length
      await journal.end()
      expect(payments).toBeGreaterThanOrEqual(PAYMENTS)
      if (part === 1) expect(payments).toBe(PAYMENTS + 5)
      kept.add(payments)
    }
  }
  expect(kept.size, 'commits were lost one by one, none in part').toBeGreaterThan(2)
})

test('an empty file beside a log is no new file: the log is not thrown away', () => {
  const file = copy(cutShort)
  const log = readFileSync(`${file}-wal`)
  truncateSync(file, 0)
  expect(() => openJournal(file)).toThrow(refusal(/damaged: keep a copy.*the file is empty, and its log is not/))
  expect(readFileSync(`${file}-wal`).equals(log)).toBe(true)
})

test('a database of another program is not touched', () => {
  const file = path.join(folder(), 'foreign.db')
  const foreign = new DatabaseSync(file)
  foreign.exec('CREATE TABLE recipes (text TEXT)')
  foreign.close()
  expect(() => openLedger(file)).toThrow(refusal(/a database of another program: name another file/))
  const again = new DatabaseSync(file)
  expect(again.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'recipes' }])
  again.close()
})

test('a seller is not started on a damaged ledger', async () => {
  const file = path.join(folder(), 'ledger.db')
  const ledger = openLedger(file)
  for (let n = 0; n < 100; n++) {
    await ledger.addAgreement(agreement(n), 1, [invoice(n)])
    await ledger.settle(settlement(n, 1000n))
  }
  expect(await ledger.getAgreement(id(7))).toMatchObject({ paid: 1000n })
  await ledger.end()
  overwrite(file, 5 * PAGE, noise(PAGE))
  expect(() => openLedger(file)).toThrow(refusal(/damaged: keep a copy, and go back to a backup/))
})
