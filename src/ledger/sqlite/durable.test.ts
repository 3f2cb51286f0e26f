import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test, vi } from 'vitest'
import { openJournal, openLedger } from '../index.ts'
import { agreement, id, invoice, kept, payment, settlement } from '../testing/samples.ts'
import { temporaryFolder } from '../testing/temporary.ts'
import { Database, type DatabaseOptions } from './database.ts'

const folder = temporaryFolder()
let files = 0
const newFile = (): string => path.join(folder(), `durable-${files++}.db`)
const TABLE = 'CREATE TABLE notes (text TEXT NOT NULL) STRICT'
const open = (file: string, options: Partial<DatabaseOptions> = {}): Database =>
  new Database({ path: file, exclusive: false, durable: 'later', migrations: [TABLE], ...options })

afterEach(() => vi.restoreAllMocks())

/** How durable SQLite was told to be, in order, while `work` ran. */
async function durabilityIn(work: () => unknown): Promise<string[]> {
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
  await work()
  const told = exec.mock.calls.map(([sql]) => /PRAGMA synchronous = (\w+)/.exec(sql)?.[1])
  exec.mockRestore()
  return told.filter((mode) => mode !== undefined)
}

test('a journal waits for the disk, except with a mere count of what was received', async () => {
  const file = newFile()
  expect(await durabilityIn(() => openJournal(file).end())).toEqual(['FULL'])
  const journal = openJournal(file)
  await journal.addAgreement(kept(1))
  expect(await durabilityIn(() => journal.addPayment(payment(1)))).toEqual([])
  expect(await durabilityIn(() => journal.noteReceived(id(1), 5n))).toEqual(['NORMAL', 'FULL'])
  await journal.end()
})

test('a ledger waits for the disk with a return alone: forgotten after it was paid, it would be paid again', async () => {
  const file = newFile()
  expect(await durabilityIn(() => openLedger(file).end())).toEqual(['NORMAL'])
  const ledger = openLedger(file)
  await ledger.addAgreement(agreement(1), 1, [invoice(1)])
  expect(await durabilityIn(() => ledger.settle(settlement(1, 9000n)))).toEqual([])
  const amount = settlement(1, 9n).amount
  const claim = { agreementId: id(1), paymentHash: 'a', request: 'lnbcrt', amount, expiresAtMs: 10_000 }
  expect(await durabilityIn(() => ledger.addReturn(claim))).toEqual(['FULL', 'NORMAL'])
  await ledger.end()
})

test('a file that could not be opened is free for the next one', () => {
  const file = newFile()
  open(file, { migrations: [TABLE, 'ALTER TABLE notes ADD COLUMN more TEXT'] }).close()
  expect(() => open(file, { exclusive: true })).toThrow(/newer than this program/)
  open(file, { exclusive: true, migrations: [TABLE, 'ALTER TABLE notes ADD COLUMN more TEXT'] }).close()
})

/** Another user of the file, which has it for itself for as long; resolves when it does. */
function occupied(file: string, begin: string, forMs: number): Promise<Worker> {
  const other = new Worker(
    `const { DatabaseSync } = require('node:sqlite')
     const { parentPort, workerData: { file, begin, forMs } } = require('node:worker_threads')
     const database = new DatabaseSync(file)
     database.exec(begin)
     parentPort.postMessage('occupied')
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs)
     database.exec('COMMIT')
     database.close()`,
    { eval: true, workerData: { file, begin, forMs } },
  )
  return new Promise((resolve, reject) => {
    other.once('message', () => resolve(other))
    other.once('error', reject)
  })
}

test('a shared file that another process is just making is waited for', async () => {
  const file = newFile()
  await occupied(file, 'BEGIN EXCLUSIVE', 150)
  open(file).close()
})

test('a shared file that another process looks at before it has its log is waited for', async () => {
  const file = newFile()
  await occupied(file, 'BEGIN; SELECT count(*) FROM sqlite_schema', 150)
  open(file).close()
})

test('a shared file that another process is writing to is waited for', async () => {
  const file = newFile()
  const database = open(file)
  const { add } = database.prepare({ add: 'INSERT INTO notes VALUES (?)' })
  await occupied(file, 'BEGIN IMMEDIATE', 150)
  expect(database.transaction(() => add.run('x')).changes).toBe(1n)
  database.close()
})
