import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LightningNet, startLightningNet } from '../../lightning-net/network.ts'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { openJournal, openLedger } from '../../src/ledger/index.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { wall } from '../../src/seller/paywall.ts'
import { Seller } from '../../src/seller/seller.ts'
import { tempFolder } from '../cli/command.ts'

const skip = noLnd()

// A network of its own: the shared one's nodes are not to be killed under the other tests.
describe.skipIf(skip)(`a token whose LND is killed${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const home = tempFolder()
  let net: LightningNet
  let alice: LightningNode
  let bob: LightningNode

  beforeAll(async () => {
    // With its default database an LND that is killed may forget what it was just paid (test/soak/README.md).
    net = await startLightningNet({ lndConfig: ['db.backend=sqlite'] })
    ;[alice, bob] = await Promise.all([createLndNode(net.alice), createLndNode(net.bob)])
  }, 400_000)
  afterAll(async () => {
    await Promise.all([alice?.close(), bob?.close()])
    await net?.stop()
  })

  test('stays good while it is away and when it is there again, and is paid once', async () => {
    const ledger = openLedger(join(home, 'ledger.db'))
    const seller = new Seller({ node: bob, ledger })
    const sells = wall(seller, { price: '2 sat/request', schemes: ['l402'], allowance: '6 sat' })
    const server = await serve(
      sells(() => new Response('sold')),
      { port: 0 },
    )
    const journal = openJournal(join(home, 'journal.db'))
    const buyer = createBuyer({ node: alice, journal })
    const get = async () => (await buyer.fetch(server.url)).text()
    expect(await get()).toBe('sold')
    await net.killNode('bob')
    // Nothing is to be paid, so nobody is asked.
    expect(await get()).toBe('sold')
    await net.startNode('bob')
    expect(await get()).toBe('sold')
    const [payment] = await journal.payments()
    expect(payment).toMatchObject({ status: 'settled', amount: sat(6) })
    await expect.poll(() => bob.lookupInvoice(payment!.paymentHash).catch(() => undefined)).toBe(sat(6))
    expect(await journal.payments()).toHaveLength(1)
    await buyer.close()
    await server.close(0)
    await seller.close()
    await ledger.end()
    await journal.end()
  })
})
