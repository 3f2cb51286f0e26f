import {
  type AuthenticatedLnd,
  addPeer,
  closeChannel,
  createInvoice,
  getChannels,
  openChannel,
  payViaPaymentRequest,
} from 'lightning'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openLnd } from '../../lightning-net/lnd.ts'
import { type LightningNet, startLightningNet } from '../../lightning-net/network.ts'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import type { BuyerOptions } from '../../src/buyer/buyer.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import type { WallOptions } from '../../src/seller/paywall.ts'
import { type HoldingNode, holdingNode } from './holding.ts'
import { KIB, readPlaced, rejection, Shop, sellBytes, sleep } from './shop.ts'

const skip = noLnd()
/** How long payments stay in flight. Minutes by hand: `HOLD_MS=120000 npm test -- --only lnd test/faults`. */
const HOLD_MS = Number(process.env.HOLD_MS ?? 5_000)
/** Longer than a busy machine takes for a payment: what nobody holds is not to be called stuck. */
const STALL_MS = 10_000
const TOTAL = 200 * KIB

/** A network of its own: here channels are emptied and closed. */
describe.skipIf(skip)(`money that gets stuck on its way, on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let net: LightningNet
  let alice: LightningNode
  let bob: LightningNode
  let aliceLnd: AuthenticatedLnd
  let bobLnd: AuthenticatedLnd
  let holding: HoldingNode
  let shop: Shop | undefined
  beforeAll(async () => {
    net = await startLightningNet()
    ;[alice, bob, aliceLnd, bobLnd] = await Promise.all([
      createLndNode(net.alice),
      createLndNode(net.bob),
      openLnd(net.alice),
      openLnd(net.bob),
    ])
    holding = holdingNode(bob, bobLnd)
  })
  afterEach(async () => {
    await holding?.giveBack()
    await shop?.close()
  })
  afterAll(async () => {
    holding?.end()
    await Promise.all([alice?.close(), bob?.close()])
    await net?.stop()
  })

  /** A sale that has got to 10 KiB and then meets with `trouble`; what its reader gets, and when it is over. */
  const disturbed = async (
    seller: LightningNode,
    trouble: () => Promise<void> | void,
    wall: Partial<WallOptions> = {},
    options: Partial<BuyerOptions> = {},
  ) => {
    const more = Promise.withResolvers<void>()
    const handler = sellBytes(TOTAL, KIB, (sent) => (sent === 10 * KIB ? more.promise : undefined))
    shop = await Shop.open(
      { buyer: alice, seller },
      handler,
      { price: '1 sat/KiB', credit: '2 sat', graceMs: 120_000, ...wall },
      { ahead: '8 sat', ...options },
    )
    const seen = { bytes: 0 }
    const reading = shop.buyer.fetch(shop.url).then((response) => readPlaced(response, seen))
    const failure = rejection(reading)
    failure.catch(() => {})
    await expect.poll(() => seen.bytes, { timeout: 30_000 }).toBe(10 * KIB)
    await trouble()
    more.resolve()
    return { shop, failure, seen }
  }
  const expectCounts = (shop: Shop, details: Readonly<Record<string, string>> | undefined, seen: { bytes: number }) => {
    const [trade] = shop.buyer.trades
    expect(details).toMatchObject({ steps: `${seen.bytes}`, agreement: trade!.agreement })
    expect(trade!.paid + trade!.inFlight - trade!.received).toBeLessThanOrEqual(trade!.ahead)
    shop.checkBounds()
  }
  const settled = async (shop: Shop): Promise<void> => {
    await expect.poll(() => shop.buyer.trades[0]!.inFlight, { timeout: 60_000, interval: 200 }).toBe(0n)
  }
  /** The same buyer asks again: the agreement goes on, and at its end every amount is accounted for. */
  const goesOn = async (shop: Shop): Promise<void> => {
    const { agreement } = shop.buyer.trades[0]!
    expect(await readPlaced(await shop.buyer.fetch(shop.url))).toBe(TOTAL)
    expect(shop.buyer.trades.map((trade) => trade.agreement)).toEqual([agreement])
    await shop.settleUp(undefined)
  }

  it.each(['settle', 'giveBack'] as const)(
    'payments stay in flight and then %s: exactly they fill the window, the reader is told, and it goes on',
    async (end) => {
      const { shop, failure, seen } = await disturbed(holding.node, () => holding.hold(), {}, { stallMs: STALL_MS })
      const error = await failure
      expect(error).toMatchObject({ code: 'payment-unknown' })
      expectCounts(shop, error.details, seen)
      const inFlight = [...holding.held.values()].reduce((sum, amount) => sum + amount, 0n)
      expect(inFlight).toBeGreaterThan(0n)
      expect(shop.buyer.trades[0]!.inFlight).toBe(inFlight)
      await sleep(HOLD_MS)
      expect(shop.buyer.trades[0]!.inFlight).toBe(inFlight)
      expect(
        (await shop.journal.payments()).filter(({ status }) => !['settled', 'failed'].includes(status)),
      ).toHaveLength(holding.held.size)
      const { paid } = shop.buyer.trades[0]!
      await holding[end]()
      await settled(shop)
      const after = shop.buyer.trades[0]!
      // With its money back the buyer pays for what it had received on credit, and for nothing else.
      if (end === 'giveBack') expect([paid, after.received]).toContain(after.paid)
      else expect(after.paid).toBe(paid + inFlight)
      await goesOn(shop)
    },
    HOLD_MS + 120_000,
  )

  it('the channel runs out in mid-stream: the reader is told, nothing is lost, and with more liquidity it goes on', async () => {
    const { shop, failure, seen } = await disturbed(bob, () => drain(aliceLnd, bobLnd))
    const error = await failure
    expect(['balance-insufficient', 'no-route']).toContain(error.code)
    expectCounts(shop, error.details, seen)
    await settled(shop)
    await payAcross(bobLnd, aliceLnd, 100_000)
    await goesOn(shop)
  })

  it('the channel is closed by both in mid-stream: the reader is told, and over another channel it goes on', async () => {
    const { shop, failure, seen } = await disturbed(bob, () => close(false))
    const error = await failure
    expect(['balance-insufficient', 'no-route']).toContain(error.code)
    expectCounts(shop, error.details, seen)
    await settled(shop)
    await openAnother()
    await goesOn(shop)
  })

  it('the channel is closed by force under payments in flight: they are followed to their end on the chain', async () => {
    // Amounts that are no dust: as outputs of their own they can be claimed.
    const wall = { price: '10000 sat/KiB', credit: '20000 sat' }
    const options = { ahead: '80000 sat', max: '4000000 sat', stallMs: STALL_MS }
    const { shop, failure, seen } = await disturbed(holding.node, () => holding.hold(), wall, options)
    const error = await failure
    expect(error).toMatchObject({ code: 'payment-unknown' })
    expectCounts(shop, error.details, seen)
    const { inFlight, paid } = shop.buyer.trades[0]!
    await close(true)
    await net.mine(1)
    expect(shop.buyer.trades[0]!.inFlight).toBe(inFlight)
    await holding.settle()
    // The seller's node claims with the preimage, block by block, and the buyer's learns it there.
    await expect
      .poll(
        async () => {
          await net.mine(1)
          return shop.buyer.trades[0]!.inFlight
        },
        { timeout: 120_000, interval: 2000 },
      )
      .toBe(0n)
    expect(shop.buyer.trades[0]!.paid).toBe(paid + inFlight)
    await openAnother()
    await goesOn(shop)
  })

  /** Ends the channel; in peace both sign, by force one publishes what it holds. */
  async function close(byForce: boolean): Promise<void> {
    const { channels } = await getChannels({ lnd: aliceLnd })
    const { transaction_id, transaction_vout } = channels[0]!
    const which = { lnd: aliceLnd, transaction_id, transaction_vout }
    await (byForce
      ? closeChannel({ ...which, is_force_close: true })
      : closeChannel({ ...which, tokens_per_vbyte: 5, max_tokens_per_vbyte: 200, is_graceful_close: true }))
    await net.mine(6)
  }

  async function openAnother(): Promise<void> {
    await expect
      .poll(
        async () => {
          await addPeer({ lnd: aliceLnd, public_key: net.bob.publicKey, socket: net.bob.peer })
          return openChannel({
            lnd: aliceLnd,
            partner_public_key: net.bob.publicKey,
            local_tokens: 16_000_000,
            give_tokens: 8_000_000,
          }).then(
            () => 'open',
            (error: unknown) => String(error),
          )
        },
        { timeout: 60_000, interval: 1000 },
      )
      .toBe('open')
    await net.mine(6)
    for (const lnd of [aliceLnd, bobLnd]) {
      await expect
        .poll(async () => (await getChannels({ lnd, is_active: true })).channels.length, {
          timeout: 60_000,
          interval: 300,
        })
        .toBe(1)
    }
    await expect
      .poll(() => payAcross(aliceLnd, bobLnd, 1000).then(() => 'paid', String), { timeout: 60_000, interval: 1000 })
      .toBe('paid')
  }
})

async function payAcross(from: AuthenticatedLnd, to: AuthenticatedLnd, tokens: number): Promise<void> {
  const { request } = await createInvoice({ lnd: to, tokens })
  await payViaPaymentRequest({ lnd: from, request, max_fee: 0, pathfinding_timeout: 10_000 })
}

/** Pays until next to nothing can be sent. */
async function drain(from: AuthenticatedLnd, to: AuthenticatedLnd): Promise<void> {
  for (let tokens = 4_000_000; tokens >= 8; ) {
    await payAcross(from, to, tokens).catch(() => {
      tokens = Math.floor(tokens / 2)
    })
  }
}
