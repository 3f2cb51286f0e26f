import { createHash, randomBytes } from 'node:crypto'
import { type AuthenticatedLnd, cancelHodlInvoice, createHodlInvoice, getInvoice, settleHodlInvoice } from 'lightning'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openLnd } from '../../../../lightning-net/lnd.ts'
import { type LightningNet, startLightningNet } from '../../../../lightning-net/network.ts'
import { sharedNet } from '../../../../lightning-net/sharedNet.ts'
import { sat } from '../../../money/msat.ts'
import type { LightningNode, Settlement } from '../../node.ts'
import { newestPlace } from '../../testing/place.ts'
import { createLndNode } from '../index.ts'
import { startWire, type Wire } from './wire.ts'

const { net, skip } = await sharedNet()
const reason = skip ? ` (skipped: ${skip})` : ''

describe.skipIf(skip)(`the wire to LND breaks${reason}`, () => {
  let bobLnd: AuthenticatedLnd
  let alice: LightningNode
  let bob: LightningNode
  let wire: Wire | undefined
  beforeAll(async () => {
    bobLnd = await openLnd(net!.bob)
    alice = await createLndNode(net!.alice)
    bob = await createLndNode(net!.bob)
  })
  afterAll(async () => void (await Promise.all([alice.close(), bob.close()])))
  afterEach(() => wire?.close())

  /** An invoice whose payment stays on its way until the test decides. */
  const heldInvoice = async () => {
    const secret = randomBytes(32)
    const id = createHash('sha256').update(secret).digest('hex')
    const { request } = await createHodlInvoice({ lnd: bobLnd, id, tokens: 5 })
    return {
      id,
      request,
      /** Until the payee has it: what the payer calls pending may not have left yet. */
      arrives: () =>
        expect.poll(async () => (await getInvoice({ lnd: bobLnd, id })).is_held, { timeout: 10_000 }).toBe(true),
      settle: () => settleHodlInvoice({ lnd: bobLnd, secret: secret.toString('hex') }),
      cancel: () => cancelHodlInvoice({ lnd: bobLnd, id }),
    }
  }
  const through = async (target: string, files: { cert: string; macaroon: string }): Promise<LightningNode> => {
    wire = await startWire(target)
    return createLndNode({ socket: wire.socket, cert: files.cert, macaroon: files.macaroon })
  }
  const statusOf = async (id: string) => (await alice.lookupPayment(id))?.status

  it('does not know the outcome of a payment, and learns it from the node later', async () => {
    const node = await through(net!.alice.socket, net!.alice)
    const held = await heldInvoice()
    const outcome = node.pay({ request: held.request, maxFee: sat(0), timeoutMs: 20_000 })
    await held.arrives()
    expect(await statusOf(held.id)).toBe('pending')
    wire?.cut()
    expect(await outcome).toMatchObject({ status: 'unknown' })
    await expect(node.lookupPayment(held.id)).rejects.toMatchObject({ code: 'node-unreachable' })
    await held.settle()
    await expect.poll(() => statusOf(held.id), { timeout: 10_000 }).toBe('settled')
    // The same node, once the wire is whole again.
    wire?.mend()
    await expect
      .poll(() => node.lookupPayment(held.id).catch((error) => error.code), { timeout: 20_000, interval: 200 })
      .toMatchObject({ status: 'settled' })
    await node.close()
  })

  it('sends nothing while there is no wire, and says so', async () => {
    const node = await through(net!.alice.socket, net!.alice)
    wire?.cut()
    // The first call may still find the broken connection.
    await node.info().catch(() => {})
    const [invoice] = await bob.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }])
    await expect(node.pay({ request: invoice!.request, maxFee: sat(0), timeoutMs: 5_000 })).rejects.toMatchObject({
      code: 'node-unreachable',
    })
    expect(await alice.lookupPayment(invoice!.paymentHash)).toBeUndefined()
    await node.close()
  })

  it('is pending when its time is up and an HTLC is still held; a second call then follows the first', async () => {
    const held = await heldInvoice()
    const payment = { request: held.request, maxFee: sat(0), timeoutMs: 1_000 }
    const started = Date.now()
    expect(await alice.pay(payment)).toEqual({ status: 'pending' })
    expect(Date.now() - started).toBeLessThan(10_000)
    const again = alice.pay({ ...payment, timeoutMs: 20_000 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await held.settle()
    expect(await again).toMatchObject({ status: 'settled' })
  })

  it('has failed when the payee gives a held payment back, and may then be paid again', async () => {
    const held = await heldInvoice()
    const outcome = alice.pay({ request: held.request, maxFee: sat(0), timeoutMs: 20_000 })
    await held.arrives()
    expect(await statusOf(held.id)).toBe('pending')
    await held.cancel()
    expect(await outcome).toMatchObject({ status: 'failed' })
    expect(await alice.lookupPayment(held.id)).toMatchObject({ status: 'failed' })
  })

  it('tells each settlement exactly once over breaks, also those that came in between', async () => {
    const node = await through(net!.bob.socket, net!.bob)
    const told: Settlement[] = []
    const errors: Error[] = []
    const last = await newestPlace(alice, bob)
    const end = node.subscribeSettlements(
      last,
      (one) => told.push(one),
      (error) => errors.push(error),
    )
    const hashes: string[] = []
    const payOne = async (): Promise<void> => {
      const [invoice] = await bob.createInvoices([{ amount: sat(2), description: '', expiresInSeconds: 60 }])
      hashes.push(invoice!.paymentHash)
      expect(await alice.pay({ request: invoice!.request, maxFee: sat(0), timeoutMs: 20_000 })).toMatchObject({
        status: 'settled',
      })
    }
    await payOne()
    await expect.poll(() => told.length, { timeout: 10_000 }).toBe(1)
    for (let breaks = 0; breaks < 2; breaks++) {
      // The last thing heard is an invoice that is not settled: it must not move the place.
      await bob.createInvoices([{ amount: sat(9), description: '', expiresInSeconds: 60 }])
      await new Promise((resolve) => setTimeout(resolve, 200))
      wire?.cut()
      await payOne()
      await payOne()
      wire?.mend()
      await expect.poll(() => told.length, { timeout: 20_000 }).toBe(hashes.length)
    }
    await payOne()
    await expect.poll(() => told.length, { timeout: 10_000 }).toBe(hashes.length)
    end()
    expect(told.map(({ paymentHash }) => paymentHash)).toEqual(hashes)
    expect(errors).toHaveLength(2)
    for (const error of errors) expect(error).toMatchObject({ code: 'node-unreachable' })
    await node.close()
  })
})

describe.skipIf(skip)(`an LND stops and starts again${reason}`, () => {
  let own: LightningNet
  let alice: LightningNode
  let bob: LightningNode
  beforeAll(async () => {
    own = await startLightningNet()
  })
  beforeEach(async () => {
    alice = await createLndNode(own.alice)
    bob = await createLndNode(own.bob)
  })
  afterEach(async () => void (await Promise.all([alice.close(), bob.close()])))
  afterAll(() => own?.stop())

  it("tells a node's very first settlement to who follows from the beginning", async () => {
    const told: Settlement[] = []
    const end = bob.subscribeSettlements(
      0n,
      (one) => told.push(one),
      (error) => expect.unreachable(error.message),
    )
    const [invoice] = await bob.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }])
    await alice.pay({ request: invoice!.request, maxFee: sat(0), timeoutMs: 20_000 })
    await expect.poll(() => told, { timeout: 5_000 }).toMatchObject([{ index: 1n, paymentHash: invoice!.paymentHash }])
    end()
  })

  it('is unreachable meanwhile, reports that once, and carries on by itself', async () => {
    const told: Settlement[] = []
    const errors: Error[] = []
    const since = await newestPlace(alice, bob)
    const end = bob.subscribeSettlements(
      since,
      (one) => told.push(one),
      (error) => errors.push(error),
    )
    const [invoice] = await bob.createInvoices([{ amount: sat(3), description: '', expiresInSeconds: 600 }])
    await own.stopNode('bob')
    await expect(bob.info()).rejects.toMatchObject({ code: 'node-unreachable' })
    await expect(createLndNode(own.bob)).rejects.toMatchObject({ code: 'node-unreachable' })
    // The payee is gone: nothing arrives, and it is known to have failed.
    const payment = { request: invoice!.request, maxFee: sat(0), timeoutMs: 3_000 }
    expect(await alice.pay(payment)).toMatchObject({ status: 'failed' })
    await own.startNode('bob')
    await expect.poll(async () => (await alice.info()).canSend > 0n, { timeout: 60_000 }).toBe(true)
    await expect.poll(async () => (await alice.pay(payment)).status, { timeout: 60_000, interval: 500 }).toBe('settled')
    await expect.poll(() => told.length, { timeout: 20_000 }).toBe(1)
    end()
    expect(told).toMatchObject([{ paymentHash: invoice!.paymentHash, amount: 3000n }])
    expect(errors.length).toBeGreaterThanOrEqual(1)
    expect(errors.length).toBeLessThanOrEqual(2)
  })
})
