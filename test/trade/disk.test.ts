import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openJournal, openLedger } from '../../src/ledger/index.ts'
import { noSmallDisk, smallDisks } from '../../src/ledger/testing/smallDisk.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { type Market, openMarket, readAll, rejection, Source, sleep, until } from './market.ts'
import { RawBuyer } from './wire.ts'

const KIB = 1024
const open: Array<() => Promise<void>> = []

/** A source that stands still at 30 KiB until it is let go on. */
function held(total: number) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const handler = () =>
    new Response(new Source(total, KIB, (i) => (i < 30 ? undefined : promise)).body, {
      headers: { 'content-length': `${total}` },
    })
  return { handler, goOn: resolve }
}

async function readSome(reader: ReadableStreamDefaultReader<Uint8Array>, least: number): Promise<void> {
  for (let got = 0; got < least; ) got += (await reader.read()).value?.length ?? least
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done) {
    // only the end is of interest
  }
}

describe.skipIf(noSmallDisk)(
  `a disk fills while a stream runs${noSmallDisk ? ` (skipped: ${noSmallDisk})` : ''}`,
  () => {
    const newDisk = smallDisks()
    // After the markets, which are closed by a hook that was registered before.
    afterEach(async () => {
      for (const end of open.splice(0)) await end()
    })

    test('the seller delivers no step that is not written, and books later what was paid meanwhile', async () => {
      const disk = newDisk(2048)
      const ledger = openLedger(path.join(disk.path, 'ledger.db'))
      open.push(() => ledger.end())
      const { handler, goOn } = held(100 * KIB)
      const market = await openMarket({ handler, ledger })
      const raw = await new RawBuyer(market).agree([40_000n, 50_000n])
      const [first, second] = raw.deal.invoices
      raw.pay(first!)
      const reader = (await raw.use()).body!.getReader()
      await readSome(reader, 30 * KIB)
      disk.fill()
      goOn()
      // What left is covered by a lease of before; then the stream breaks, at a piece that could not be leased.
      await rejection(drain(reader))
      const { account } = market
      const record = await ledger.getAgreement(account.agreement.id)
      expect(account.gate.deliveredSteps).toBeLessThanOrEqual(record!.leasedSteps)
      raw.pay(second!)
      const trouble = () =>
        market.events.some((event) => event.type === 'error' && /the disk is full/.test(event.error.message))
      await until(trouble, 'the operator is told')
      expect(account.gate.paid).toBe(40_000n)
      for (const action of [
        () => raw.use(),
        () => raw.send({ action: 'close', ...raw.proof }),
        () => raw.send({ action: 'invoices', ...raw.proof, amounts: [1000n] as never }),
      ]) {
        const refused = await action()
        expect(refused.status).toBe(503)
        expect(refused.headers.get('retry-after')).not.toBeNull()
        const problem = await refused.text()
        expect(JSON.parse(problem)).toMatchObject({
          code: 'ledger-failed',
          detail: 'the seller cannot write its ledger',
        })
        expect(problem, 'where the ledger lies is not for strangers').not.toContain(disk.path)
      }
      expect(await ledger.getAgreement(account.agreement.id), 'nothing is booked in part').toEqual(record)

      disk.free()
      await until(() => account.gate.paid === 90_000n, 'the seller goes on by itself')
      expect(await ledger.getAgreement(account.agreement.id)).toMatchObject({ paid: 90_000n, payments: 2 })
      const { deliveredSteps } = account.gate
      const rest = (await raw.use()).body!.getReader()
      await readSome(rest, Number(90n * 1024n - deliveredSteps))
      await rest.cancel()
    })

    test('the buyer sends no payment that is not written, tells its reader why, and goes on when there is room', async () => {
      const disk = newDisk(2048)
      const journal = openJournal(path.join(disk.path, 'journal.db'))
      open.push(() => journal.end())
      const { handler, goOn } = held(100 * KIB)
      const market = await openMarket({ handler })
      const buyer = market.buyer({ journal })
      const reader = (await buyer.fetch(market.url)).body!.getReader()
      await readSome(reader, 30 * KIB)
      // The seller is held: once nothing is in flight for a while, nothing more is paid.
      for (let quiet = 0; quiet < 10; quiet = buyer.trades[0]!.inFlight === 0n ? quiet + 1 : 0) await sleep(30)
      disk.fill()
      const sent = market.attempts.length
      goOn()
      const error = await rejection(drain(reader))
      expect(error).toMatchObject({ code: 'ledger-failed', details: { paid: expect.any(String) } })
      expect(error.message).toContain('the disk is full: make room')
      expect(market.attempts.length, 'nothing was sent that could not be written').toBe(sent)

      disk.free()
      expect(await readAll(await buyer.fetch(market.url))).toBe(100 * KIB)
      const written = new Set((await journal.payments()).map(({ paymentHash }) => paymentHash))
      for (const request of market.attempts) expect(written).toContain(decodeInvoice(request).paymentHash)
      await expectAddsUp(market, buyer)
    })
  },
)

async function expectAddsUp(market: Market, buyer: ReturnType<Market['buyer']>): Promise<void> {
  const [closing] = await buyer.close()
  expect(closing?.dispute).toBeUndefined()
  expect(closing!.statement.paid).toBe(market.settled)
  expect(closing!.statement.paid).toBe(closing!.statement.delivered + closing!.statement.balance)
}
