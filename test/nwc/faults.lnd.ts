import { randomBytes } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import type { LightningNode, PaymentOutcome, Settlement } from '../../src/lightning/node.ts'
import { createNwcNode } from '../../src/lightning/nwc/index.ts'
import { sat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { paywall } from '../../src/seller/paywall.ts'
import { sleep } from '../cli/command.ts'
import { Stage } from './stage.ts'
import { LOST, refusal } from './wallet.ts'

const { net, skip } = await sharedNet()

describe.skipIf(skip)(`what goes wrong with wallets behind NWC${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let alice: LightningNode
  let bob: LightningNode
  const ends: Array<() => Promise<unknown>> = []
  beforeAll(async () => {
    alice = await createLndNode(net!.alice)
    bob = await createLndNode(net!.bob)
    return async () => void (await Promise.all([alice.close(), bob.close()]))
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })

  const stageOf = async (...args: Parameters<typeof Stage.open>): Promise<Stage> => {
    const stage = await Stage.open(...args)
    ends.push(() => stage.close())
    return stage
  }
  const invoiceOf = async (node: LightningNode, amount = sat(5)) =>
    (await node.createInvoices([{ amount, description: 'x', expiresInSeconds: 600 }]))[0]!
  const pay = (node: LightningNode, request: string, timeoutMs = 20_000): Promise<PaymentOutcome> =>
    node.pay({ request, maxFee: sat(1), timeoutMs })
  const count = ({ wallet }: Stage, method: string): number => wallet.asked.filter((asked) => asked === method).length

  describe('paying', () => {
    it('follows a payment whose answer is lost to its end, and sends it once', async () => {
      const stage = await stageOf(net!.alice)
      const node = await stage.node('buyer')
      const { request, paymentHash } = await invoiceOf(bob)
      stage.wallet.after = (method, answer) => (method === 'pay_invoice' ? LOST : answer)
      expect(await pay(node, request, 2_000)).toMatchObject({ status: 'settled', fee: 0n })
      expect(await pay(node, request, 2_000)).toMatchObject({ status: 'settled' })
      expect(await node.lookupPayment(paymentHash)).toMatchObject({ status: 'settled' })
      expect(await bob.lookupInvoice(paymentHash)).toBe(sat(5))
      expect(count(stage, 'pay_invoice')).toBe(1)
    })

    it('counts what a wallet does not tell of as unknown, also in the next run, and never sends it again', async () => {
      const stage = await stageOf(net!.alice)
      const { request, paymentHash } = await invoiceOf(bob)
      stage.wallet.after = (method, answer) => (method === 'pay_invoice' ? LOST : answer)
      stage.wallet.before = (method) => (method === 'lookup_invoice' ? refusal('NOT_FOUND', 'never heard') : undefined)
      const first = await stage.node('buyer')
      expect(await pay(first, request, 1_000)).toMatchObject({ status: 'unknown' })
      await first.close()
      const second = await stage.node('buyer')
      // A request that is on its way yet would arrive after this; what comes then is not "never sent".
      expect(await second.lookupPayment(paymentHash)).toMatchObject({ status: 'pending' })
      expect(await pay(second, request, 1_000)).toMatchObject({ status: 'unknown' })
      stage.wallet.before = () => undefined
      expect(await pay(second, request, 1_000)).toMatchObject({ status: 'settled' })
      expect(await second.lookupPayment(paymentHash)).toMatchObject({ status: 'settled' })
      expect(count(stage, 'pay_invoice')).toBe(1)
    })

    it('goes on when the relay was killed while a payment was on its way', async () => {
      const stage = await stageOf(net!.alice)
      const node = await stage.node('buyer')
      const { request, paymentHash } = await invoiceOf(bob)
      const asked = Promise.withResolvers<void>()
      stage.wallet.before = async (method) => {
        if (method === 'pay_invoice') asked.resolve()
        return undefined
      }
      stage.wallet.after = async (method, answer) => (method === 'pay_invoice' ? LOST : answer)
      const paying = pay(node, request, 60_000)
      await asked.promise
      await stage.relay.kill()
      await sleep(500)
      await stage.relay.up()
      expect(await paying).toMatchObject({ status: 'settled' })
      expect(await bob.lookupInvoice(paymentHash)).toBe(sat(5))
      expect(count(stage, 'pay_invoice')).toBe(1)
    })

    it('counts a fee above the cap, and pays that payee no more under a lower one', async () => {
      const stage = await stageOf(net!.alice)
      const node = await stage.node('buyer')
      stage.wallet.after = (method, answer) =>
        method === 'pay_invoice'
          ? { ...(answer as object), result: { ...(answer as { result: object }).result, fees_paid: 3_000 } }
          : answer
      expect(await pay(node, (await invoiceOf(bob)).request)).toMatchObject({ status: 'settled', fee: 3_000n })
      const next = (await invoiceOf(bob)).request
      expect(await pay(node, next)).toMatchObject({ status: 'failed', reason: 'fee-too-high' })
      expect(count(stage, 'pay_invoice')).toBe(1)
      expect(await node.pay({ request: next, maxFee: sat(3), timeoutMs: 20_000 })).toMatchObject({ status: 'settled' })
    })

    it.each([
      ['INSUFFICIENT_BALANCE', { status: 'failed', reason: 'balance-insufficient' }],
      ['QUOTA_EXCEEDED', { status: 'failed', reason: 'balance-insufficient' }],
      ['PAYMENT_FAILED', { status: 'failed', reason: 'payment-failed' }],
      ['INTERNAL', { status: 'unknown' }],
      ['UNAUTHORIZED', 'node-denied'],
      ['RESTRICTED', 'node-denied'],
      ['NOT_IMPLEMENTED', 'node-unable'],
    ])('%s', async (code, expected) => {
      const stage = await stageOf(net!.alice)
      const node = await stage.node('buyer')
      const { request, paymentHash } = await invoiceOf(bob)
      stage.wallet.before = (method) => (method === 'pay_invoice' ? refusal(code, 'so it is') : undefined)
      const paying = pay(node, request)
      if (typeof expected === 'string') await expect(paying).rejects.toMatchObject({ code: expected })
      else expect(await paying).toMatchObject(expected)
      // What certainly was not sent may be tried again, and nothing else.
      stage.wallet.before = () => undefined
      const again = await pay(node, request, 500)
      expect(again.status).toBe(code === 'INTERNAL' ? 'unknown' : 'settled')
      expect(await bob.lookupInvoice(paymentHash)).toBe(code === 'INTERNAL' ? undefined : sat(5))
    })

    it('waits where it asks too often', async () => {
      const stage = await stageOf(net!.alice)
      const node = await stage.node('buyer')
      let left = 2
      stage.wallet.before = (method) =>
        method === 'pay_invoice' && left-- > 0 ? refusal('RATE_LIMITED', 'slowly') : undefined
      expect(await pay(node, (await invoiceOf(bob)).request)).toMatchObject({ status: 'settled' })
      expect(count(stage, 'pay_invoice')).toBe(3)
    })
  })

  describe('being paid', () => {
    const follow = (node: LightningNode, since: bigint) => {
      const told: Settlement[] = []
      const end = node.subscribeSettlements(
        since,
        (settlement) => told.push(settlement),
        () => {},
      )
      return { told, end }
    }
    const hashes = (told: readonly Settlement[]) => told.map(({ paymentHash }) => paymentHash)

    it.each([true, false])(
      'tells each settlement once through restarts and without a relay (notifies: %s)',
      async (notifies) => {
        const stage = await stageOf(net!.bob, { notifies })
        const first = await stage.node('seller')
        const before = follow(first, 0n)
        const invoices = await Promise.all(Array.from({ length: 5 }, () => invoiceOf(first)))
        await pay(alice, invoices[0]!.request)
        await pay(alice, invoices[1]!.request)
        await expect.poll(() => before.told.length, { timeout: 20_000 }).toBe(2)
        // One while the process is gone, one while it is there and the relay is not.
        await first.close()
        await pay(alice, invoices[2]!.request)
        const second = await stage.node('seller')
        const after = follow(second, before.told[0]!.index)
        await expect.poll(() => after.told.length, { timeout: 20_000 }).toBe(2)
        await stage.relay.kill()
        await pay(alice, invoices[3]!.request)
        await stage.relay.up()
        await pay(alice, invoices[4]!.request)
        await expect.poll(() => after.told.length, { timeout: 30_000 }).toBe(4)
        expect([before.told[0]!.paymentHash, ...hashes(after.told)].toSorted()).toEqual(
          invoices.map(({ paymentHash }) => paymentHash).toSorted(),
        )
        const indices = after.told.map(({ index }) => index)
        expect(indices).toEqual([...new Set(indices)].toSorted((a, b) => Number(a - b)))
        // Whoever comes later is told all of it, in the same order.
        const late = follow(second, 0n)
        await expect.poll(() => late.told.length, { timeout: 20_000 }).toBe(5)
        expect(late.told.slice(1)).toEqual(after.told)
      },
    )

    it('believes nothing that it cannot read', async () => {
      const stage = await stageOf(net!.bob, { notifies: true })
      const node = await stage.node('seller')
      const { told } = follow(node, 0n)
      const { request, paymentHash } = await invoiceOf(node)
      const sayings = [
        undefined,
        5,
        {},
        { payment_hash: paymentHash },
        { payment_hash: paymentHash, amount: -1 },
        { payment_hash: paymentHash, amount: 1.5 },
        { type: 'outgoing', payment_hash: paymentHash, amount: 5000 },
      ]
      for (const said of sayings) await stage.wallet.notify('payment_received', said)
      await stage.wallet.notify('payment_sent', { type: 'incoming', payment_hash: paymentHash, amount: 5000 })
      await pay(alice, request)
      await expect.poll(() => told.length, { timeout: 20_000 }).toBe(1)
      expect(told).toMatchObject([{ paymentHash, amount: sat(5) }])
      for (const answer of [
        undefined,
        null,
        [],
        { result: { invoice: 'lnbcrt1' }, error: undefined },
        { result: 7, error: undefined },
        { result: undefined, error: { code: 5 } },
      ]) {
        stage.wallet.before = () => answer ?? { result: null, error: undefined }
        await expect(invoiceOf(node)).rejects.toMatchObject({
          code: expect.stringMatching(/^node-(failed|unreachable)$/),
        })
      }
    })

    it('refuses invoices that are not what was asked for', async () => {
      const stage = await stageOf(net!.bob)
      const node = await stage.node('seller')
      const others = await stageOf(net!.alice)
      const other = await others.node('seller')
      const wrong = {
        'another amount': (await invoiceOf(node, sat(6))).request,
        'another node': (await invoiceOf(other)).request,
        'another description': (
          await node.createInvoices([{ amount: sat(5), description: 'y', expiresInSeconds: 600 }])
        )[0]!.request,
        'a shorter life': (await node.createInvoices([{ amount: sat(5), description: 'x', expiresInSeconds: 60 }]))[0]!
          .request,
      }
      for (const [what, invoice] of Object.entries(wrong)) {
        stage.wallet.before = (method) =>
          method === 'make_invoice' ? { result: { invoice }, error: undefined } : undefined
        await expect(invoiceOf(node), what).rejects.toMatchObject({ code: 'node-failed' })
      }
    })
  })

  describe('opening', () => {
    it('says what the connection may not do, before anything is paid', async () => {
      const stage = await stageOf(net!.alice, { without: ['pay_invoice', 'make_invoice'] })
      await expect(stage.node('buyer')).rejects.toMatchObject({
        code: 'node-denied',
        details: { missing: 'pay_invoice' },
      })
      await expect(stage.node('seller')).rejects.toMatchObject({ details: { missing: 'make_invoice' } })
    })

    it('refuses a wallet whose invoices are on another network than it says, or than is wanted', async () => {
      const lies = await stageOf(net!.bob, { info: { network: 'mainnet' } })
      await expect(lies.node('seller')).rejects.toMatchObject({ code: 'network-mismatch' })
      const strange = await stageOf(net!.bob, { info: { network: 'liquid' } })
      await expect(strange.node('seller')).rejects.toMatchObject({ code: 'network-refused' })
      const { file, folder } = await stageOf(net!.bob)
      await expect(createNwcNode({ file, folder, network: 'mainnet' })).rejects.toMatchObject({
        code: 'network-mismatch',
      })
    })

    it('takes the key of its invoices and no other for its own', async () => {
      const key = `02${'ab'.repeat(32)}`
      const stage = await stageOf(net!.bob, { info: { pubkey: key } })
      expect((await (await stage.node('seller')).info()).publicKey).toBe(net!.bob.publicKey)
    })

    it('knows a wallet that signs with another key as one that does not sign', async () => {
      const stage = await stageOf(net!.bob)
      stage.wallet.before = async (method, { message }) =>
        method === 'sign_message'
          ? { result: { message, signature: await alice.signMessage(message as string) }, error: undefined }
          : undefined
      const node = await stage.node('seller')
      expect((await node.info()).abilities).toMatchObject({ sign: false, settlements: 'polled' })
      await expect(node.signMessage('x')).rejects.toMatchObject({ code: 'node-unable' })
    })

    it('says so where nothing answers', async () => {
      const stage = await stageOf(net!.bob)
      await stage.relay.kill()
      await expect(stage.node()).rejects.toMatchObject({ code: 'node-unreachable' })
    })
  })

  describe.each(['buyer', 'seller'] as const)('a trade whose %s loses its relay in the middle', (role) => {
    it('goes on when it is back, and every count is right', async () => {
      const stage = await stageOf(role === 'buyer' ? net!.alice : net!.bob, { notifies: true })
      const wallet = await stage.node(role)
      const [payer, payee] = role === 'buyer' ? [wallet, bob] : [alice, wallet]
      const wall = paywall({ node: payee, price: '1 sat/KiB', credit: '2 sat', graceMs: 60_000 })
      const body = randomBytes(120 << 10)
      const server = await serve(
        wall(() => slowly(body)),
        { port: 0 },
      )
      ends.push(async () => {
        await server.close(0)
        await wall.close()
      })
      const buyer = createBuyer({ node: payer, max: '200 sat', ahead: '8 sat', stallMs: 60_000 })
      const response = await buyer.fetch(server.url)
      const received: Uint8Array[] = []
      for await (const chunk of response.body!) {
        received.push(chunk)
        if (received.length === 20) {
          await stage.relay.kill()
          setTimeout(() => stage.relay.up(), 1_500)
        }
      }
      expect(Buffer.concat(received).equals(body)).toBe(true)
      const [closing] = await buyer.close()
      expect(closing?.dispute).toBeUndefined()
      expect(closing?.statement).toMatchObject({ delivered: sat(120), state: 'closed' })
      const [trade] = buyer.trades
      expect(closing?.statement.paid).toBe(trade?.paid)
      expect(trade!.maxAhead).toBeLessThanOrEqual(sat(8))
      expect(wall.seller.accounts.inMemory.get(trade!.agreement)?.gate.maxUnpaid).toBeLessThanOrEqual(sat(2))
    })
  })
})

/** One chunk of 2 KiB at a time, a little later each. */
function slowly(body: Uint8Array): Response {
  let at = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (at >= body.length) return controller.close()
        await new Promise((resolve) => setTimeout(resolve, 20))
        controller.enqueue(body.subarray(at, at + 2048))
        at += 2048
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(stream, { headers: { 'content-length': `${body.length}` } })
}
