import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { noSmallDisk, smallDisks } from '../../src/ledger/testing/smallDisk.ts'
import { amount, commands, type Event, expectKept, type Running, tempFolder } from './command.ts'

const content = randomBytes(600 << 10)
/** Each log may grow to 16 MiB before it is folded into its file. */
const ROOM_KIB = 64 * 1024
const PRICE = '1 sat/KiB'
const LIMITS = ['--max', '20000 sat', '--ahead', '10 sat', '--json']
/** A seller's node whose disk was full is started again by itself. */
const RESTARTED_WITHIN_MS = 40_000
const PART_PAID = (event: Event) => amount(event.paid) > 100_000n

/** A home of its own, with a file to sell for 600 sat. */
function setUp() {
  const home = tempFolder()
  const folder = join(home, 'folder')
  mkdirSync(folder)
  mkdirSync(join(home, 'state'))
  writeFileSync(join(folder, 'film.bin'), content)
  return { home, folder, state: join(home, 'state'), ...commands(home) }
}

const rows = (file: string, sql: string): Array<Record<string, unknown>> => {
  const database = new DatabaseSync(file)
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}

const hashes = (found: ReadonlyArray<Record<string, unknown>>): string[] =>
  found.map((row) => row.payment_hash as string).toSorted()

/** What both nodes and both books say in the end, of one seller and one buyer. */
function expectBooksAgree(state: string): void {
  const node = (name: string) => join(state, 'regtest', 'nodes', name, 'node.db')
  const [shop] = readdirSync(join(state, 'seller'))
  const ledger = join(state, 'seller', shop!, 'ledger.db')
  const journal = join(state, 'buyer', 'journal.db')
  const settlements = rows(node('seller'), 'SELECT payment_hash, amount_msat FROM settlement')
  const sent = rows(node('buyer'), "SELECT payment_hash FROM payment WHERE status = 'settled'")
  expect(hashes(sent), 'what was sent arrived, and nothing else').toEqual(hashes(settlements))
  const booked = rows(ledger, 'SELECT payment_hash, settled_amount FROM invoices WHERE settled_amount IS NOT NULL')
  expect(hashes(booked), 'what arrived is booked').toEqual(hashes(settlements))
  const [total] = rows(ledger, 'SELECT sum(paid) AS paid FROM agreements')
  expect(total!.paid).toBe(settlements.reduce((sum, { amount_msat: msat }) => sum + (msat as number), 0))
  const written = new Set(hashes(rows(journal, 'SELECT payment_hash FROM payments')))
  for (const hash of hashes(rows(node('buyer'), 'SELECT payment_hash FROM payment'))) expect(written).toContain(hash)
}

async function stop(seller: Running): Promise<void> {
  seller.signal('SIGINT')
  expect((await seller.end()).code).toBe(0)
}

describe.skipIf(noSmallDisk)(
  `the commands on a disk that fills${noSmallDisk ? ` (skipped: ${noSmallDisk})` : ''}`,
  { timeout: 180_000 },
  () => {
    const newDisk = smallDisks()

    test.each([
      ['the seller’s ledger', 'seller'],
      ['the buyer’s journal', 'buyer'],
    ])('under %s: who it is says so, no money is lost, and it goes on when there is room', async (_, role) => {
      const { home, folder, state, start, run, sell } = setUp()
      const disk = newDisk(ROOM_KIB)
      symlinkSync(disk.path, join(state, role))
      const { seller, url } = await sell(folder, PRICE)
      const file = join(home, 'film.bin')
      const getting = start('get', `${url}/film.bin`, '-o', file, ...LIMITS)
      await getting.event('progress', PART_PAID)
      disk.fill()
      if (role === 'seller') {
        const trouble = await seller.event('trouble')
        expect(trouble).toMatchObject({
          code: 'ledger-failed',
          message: expect.stringContaining('the disk is full: make room'),
        })
      }
      const first = await getting.end()
      expect(first.code).not.toBe(0)
      if (role === 'buyer') {
        expect(first.code).toBe(1)
        expect(first.error).toMatchObject({ code: 'ledger-failed', message: expect.stringContaining('make room') })
      }
      // Nothing can be begun either.
      const refused = await run('get', `${url}/film.bin`, '-o', file, ...LIMITS)
      expect(refused.code).not.toBe(0)
      expect(refused.error!.code).toMatch(role === 'buyer' ? /^ledger-failed$/ : /^(?:ledger|seller)-failed$/)

      disk.free()
      const second = await run('get', `${url}/film.bin`, '-o', file, ...LIMITS)
      expect(second.error).toBeUndefined()
      expect(second.code).toBe(0)
      expect(readFileSync(file).equals(content)).toBe(true)
      await stop(seller)
      expectBooksAgree(state)
    })

    test('under everything, nodes and chain too', async () => {
      const { home, folder, state, start, run, sell } = setUp()
      const disk = newDisk(ROOM_KIB)
      for (const name of ['seller', 'buyer', 'regtest']) {
        mkdirSync(join(disk.path, name))
        symlinkSync(join(disk.path, name), join(state, name))
      }
      const { seller, url } = await sell(folder, PRICE)
      const file = join(home, 'film.bin')
      const getting = start('get', `${url}/film.bin`, '-o', file, ...LIMITS)
      await getting.event('progress', PART_PAID)
      disk.fill()
      const first = await getting.end()
      expect(first.code).not.toBe(0)
      expect(first.error!.code).toMatch(
        /^(?:ledger-failed|disk-full|payment-unknown|stream-interrupted|stream-stalled)$/,
      )
      await seller.event('trouble', ({ message }) => /the disk is full: make room/.test(message as string))

      disk.free()
      // The seller's node is started anew by itself, ten seconds later, and until then refuses at once.
      let second = await run('get', `${url}/film.bin`, '-o', file, ...LIMITS)
      for (const untilMs = Date.now() + RESTARTED_WITHIN_MS; second.code !== 0 && Date.now() < untilMs; ) {
        await new Promise((resolve) => setTimeout(resolve, 1000))
        second = await run('get', `${url}/film.bin`, '-o', file, ...LIMITS)
      }
      expect(second.error).toBeUndefined()
      expect(readFileSync(file).equals(content)).toBe(true)
      await stop(seller)
      expectBooksAgree(state)
    })

    test('under the file that is bought: the agreement is closed, and what was not used comes back', async () => {
      const { folder, state, run, sell } = setUp()
      const disk = newDisk(256)
      const { seller, url } = await sell(folder, PRICE)
      const file = join(disk.path, 'film.bin')
      const { code, error, last } = await run('get', `${url}/film.bin`, '-o', file, ...LIMITS)
      expect(code).toBe(1)
      expect(error).toMatchObject({ code: 'disk-full', message: `${file}: the disk is full` })
      expect(last).toMatchObject({ event: 'end', ok: false, open: false })
      expect(amount(last.paid)).toBeLessThan(400_000n)
      expectKept(last)
      expect(amount(last.balance), 'no more than cannot be sent').toBeLessThan(1000n)
      await stop(seller)
      expectBooksAgree(state)
    })
  },
)
