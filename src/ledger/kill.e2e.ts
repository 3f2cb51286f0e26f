import { spawn } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openJournal, openLedger } from './index.ts'
import { hash, id, payment } from './testing/samples.ts'
import { temporaryFolder } from './testing/temporary.ts'

const KILLS = 12
const folder = temporaryFolder()

/** Lets a writer write for a while, kills it, and resolves to what it had promised: kind → the last number. */
async function writeAndKill(first: number, afterMs: number): Promise<ReadonlyMap<string, number>> {
  const writer = path.join(import.meta.dirname, 'testing', 'writer.ts')
  const child = spawn(process.execPath, [writer, folder(), `${first}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  while (!told.includes('started')) await sleep(1)
  await sleep(afterMs)
  child.kill('SIGKILL')
  await ended
  const lines = told.split('\n').slice(0, -1)
  return new Map(lines.map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]))
}

test('whatever was promised is there after SIGKILL, and nothing is there in part', async () => {
  let first = 1
  let sending = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const promised = await writeAndKill(first, 5 + 13 * kill)
    const last = (kind: string) => promised.get(kind) ?? first - 1
    const ledger = openLedger(path.join(folder(), 'ledger.db'))
    const claims = new Set((await ledger.pendingReturns()).map(({ paymentHash }) => paymentHash))
    // A round that was killed before it settled anything has promised nothing.
    expect(await ledger.settlementIndex()).toBeGreaterThanOrEqual(BigInt(promised.get('settled') ?? 0))
    // One beyond what was promised: it may have been written, and then whole.
    for (let n = first; n <= last('agreement') + 1; n++) {
      const record = await ledger.getAgreement(id(n))
      if (n <= last('agreement')) expect(record).toBeDefined()
      if (!record) continue
      // A payment and its sum, a claim and what it takes: both or neither.
      expect(record.paid).toBe(record.payments === 1 ? BigInt(n) + 5000n : 0n)
      expect(record.returned).toBe(claims.has(hash(n)) ? 100n : 0n)
      expect(await ledger.closingStatement(id(n))).toBe(record.state === 'closed' ? `{"n":${n}}` : undefined)
      if (n <= last('settled')) expect(record.payments).toBe(1)
      if (n <= last('leased')) expect(record.leasedSteps).toBe(1000n)
      if (n <= last('closed')) expect(record.state).toBe('closed')
      if (n <= last('returned')) expect(claims).toContain(hash(n))
    }
    await ledger.end()

    const journal = openJournal(path.join(folder(), 'journal.db'))
    const open = new Set((await journal.payments({ open: true })).map(({ paymentHash }) => paymentHash))
    for (let n = first; n <= last('sent'); n++) expect(open).not.toContain(hash(n))
    for (let n = first; n <= last('sending'); n++) {
      const again = await journal.addPayment(payment(n))
      expect(again, 'what may have been sent is not sent again').toEqual({ written: false, reason: 'known' })
    }
    sending += last('sending') - first + 1
    expect((await journal.spending()).total).toBeGreaterThanOrEqual(BigInt(sending) * payment(1).amount)
    expect((await journal.agreements('open')).length).toBeGreaterThanOrEqual(sending)
    await journal.end()
    first = last('agreement') + 2
  }
  expect(sending, 'the writers came to write').toBeGreaterThan(KILLS)
})
