import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import { tokenOf } from '../../src/buyer/schemes/token.ts'
import { openJournal, openLedger } from '../../src/ledger/index.ts'
import type { Journal, JournalPayment } from '../../src/ledger/journal.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { wall } from '../../src/seller/paywall.ts'
import { Seller } from '../../src/seller/seller.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import type { SchemeName } from '../../src/wire/challenges.ts'
import { tempFolder } from '../cli/command.ts'

const { net, skip } = await sharedNet()
const SCHEMES: readonly SchemeName[] = ['stream', 'session', 'charge', 'l402']
const IDLE_MS = 2000

describe.skipIf(skip)(`the schemes of the field on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const home = tempFolder()
  const secret = randomBytes(32)
  let alice: LightningNode
  let bob: LightningNode
  let journal: Journal
  let close: () => Promise<void>
  let port = 0

  /** A seller as a process has it, with its ledger on the disk and on the port that it had. */
  async function open(): Promise<void> {
    const ledger = openLedger(join(home, 'ledger.db'))
    const seller = new Seller({ node: bob, ledger, secret, sessionIdleMs: IDLE_MS })
    const events = () => {
      const text = Array.from({ length: 60 }, (_, n) => `data: {"n":${n}}\n\n`).join('')
      return new Response(`${text}data: [DONE]\n\n`, { headers: { 'content-type': 'text/event-stream' } })
    }
    const walls = new Map([
      [
        '/bytes',
        wall(seller, { price: '1 sat/KiB', schemes: SCHEMES, allowance: '10 sat' })(
          () => new Response('x'.repeat(2048)),
        ),
      ],
      ['/events', wall(seller, { price: '1 sat/token', schemes: ['session'] })(events)],
      [
        '/requests',
        wall(seller, { price: '2 sat/request', schemes: ['l402'], allowance: '8 sat' })(() => new Response('sold')),
      ],
    ])
    const server = await serve((request) => walls.get(new URL(request.url).pathname)!(request), { port })
    port = Number(new URL(server.url).port)
    close = async () => {
      await server.close(0)
      await seller.close()
      await ledger.end()
    }
  }

  const placeOf = (path: string) => `http://127.0.0.1:${port}/${path}`
  const buyerOf = (options: Partial<BuyerOptions> = {}): Buyer => createBuyer({ node: alice, journal, ...options })
  const get = async (buyer: Buyer, path: string): Promise<string> => {
    const response = await buyer.fetch(placeOf(path))
    expect(response.status).toBe(200)
    return response.text()
  }
  /** What was paid since, each at both nodes and once. */
  async function paidSince(earlier: readonly JournalPayment[]): Promise<bigint> {
    const payments = (await journal.payments()).slice(earlier.length)
    for (const { paymentHash, amount } of payments) {
      expect(await bob.lookupInvoice(paymentHash)).toBe(amount)
      expect(await alice.lookupPayment(paymentHash)).toMatchObject({ status: 'settled' })
    }
    return payments.reduce((sum, { amount }) => sum + amount, 0n)
  }

  beforeAll(async () => {
    ;[alice, bob] = await Promise.all([createLndNode(net!.alice), createLndNode(net!.bob)])
    journal = openJournal(join(home, 'journal.db'))
    await open()
  })
  afterAll(async () => {
    await close?.()
    await journal?.end()
    await Promise.all([alice?.close(), bob?.close()])
  })

  test.each(SCHEMES)('%s is paid, once and at both nodes', async (scheme) => {
    const earlier = await journal.payments()
    const buyer = buyerOf({ schemes: [scheme] })
    expect(await get(buyer, 'bytes')).toHaveLength(2048)
    await buyer.close()
    const paid = await paidSince(earlier)
    if (scheme === 'stream') {
      const [closing] = buyer.closings
      expect(paid - closing!.amount).toBe(sat(2))
      return
    }
    expect(paid).toBe(sat(10))
    expect(buyer.prepaid).toMatchObject([{ scheme, paid: sat(10) }])
    if (scheme === 'session') expect(buyer.prepaid).toMatchObject([{ refund: { status: 'settled', amount: sat(8) } }])
  })

  test('a session is topped up as it goes, and its rest arrives at the node that paid', async () => {
    const earlier = await journal.payments()
    const buyer = buyerOf()
    expect((await get(buyer, 'events')).match(/data: \{"n"/g)).toHaveLength(60)
    await buyer.close()
    const paid = await paidSince(earlier)
    expect(paid).toBeGreaterThanOrEqual(sat(60))
    const left = paid - sat(60)
    const [{ agreement, refund }] = buyer.prepaid as [Buyer['prepaid'][0]]
    expect(refund).toEqual({ status: left > 0n ? 'settled' : 'nothing', amount: left })
    const { returnInvoice } = tokenOf((await journal.getAgreement(agreement))!)!
    expect((await alice.lookupInvoice(decodeInvoice(returnInvoice!).paymentHash)) ?? 0n).toBe(left)
  })

  test('a session that nobody uses is closed by its seller, and its rest arrives', async () => {
    const buyer = buyerOf({ schemes: ['session'] })
    await get(buyer, 'bytes')
    const [{ agreement }] = buyer.prepaid as [Buyer['prepaid'][0]]
    await buyer.close({ keep: true })
    const { returnInvoice } = tokenOf((await journal.getAgreement(agreement))!)!
    const { paymentHash } = decodeInvoice(returnInvoice!)
    await expect.poll(() => alice.lookupInvoice(paymentHash)).toBe(sat(8))
    // The next purchase finds it closed, notes what came back, and opens another one.
    const next = buyerOf({ schemes: ['session'] })
    await get(next, 'bytes')
    await next.close()
    expect((await journal.getAgreement(agreement))!).toMatchObject({
      state: 'closed',
      returns: [{ status: 'settled', amount: sat(8) }],
    })
  })

  test('an L402 token stays good when its seller starts again', async () => {
    const earlier = await journal.payments()
    const use = async () => {
      const buyer = buyerOf({ schemes: ['l402'] })
      expect(await get(buyer, 'requests')).toBe('sold')
      await buyer.close()
    }
    await use()
    await close()
    await open()
    await use()
    expect(await paidSince(earlier)).toBe(sat(8))
    expect(await journal.payments()).toHaveLength(earlier.length + 1)
  })
})
