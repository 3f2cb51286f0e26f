import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sat, ZERO } from '../../money/msat.ts'
import { nodeContract } from '../node.contract.ts'
import type { PaymentOutcome, Settlement } from '../node.ts'
import { createEmbeddedNode, type EmbeddedNode } from './index.ts'
import { type EmbeddedPair, embeddedPair } from './testing/pair.ts'
import { startRemoteNode } from './testing/remote.ts'

nodeContract('the embedded node', async () => {
  const { buyer, seller, close } = await embeddedPair()
  return { payer: buyer, payee: seller, teardown: close }
})

async function invoiceOf(node: EmbeddedNode, amount = sat(5)): Promise<{ request: string; paymentHash: string }> {
  const [invoice] = await node.createInvoices([{ amount, description: '', expiresInSeconds: 600 }])
  return invoice!
}
const pay = (node: EmbeddedNode, request: string, timeoutMs = 20_000, maxFee = ZERO): Promise<PaymentOutcome> =>
  node.pay({ request, maxFee, timeoutMs })

describe('a node and its directory', () => {
  it('refuses every network but regtest', async () => {
    for (const network of ['mainnet', 'testnet', 'signet', 'simnet']) {
      const options = { home: '/nonexistent', name: 'x', network: network as 'regtest' }
      await expect(createEmbeddedNode(options)).rejects.toMatchObject({ code: 'network-refused' })
    }
  })

  it('refuses a name that leaves its home, and a channel LDK would not open', async () => {
    for (const options of [{ name: '../x' }, { name: '' }, { channelSat: 1n }, { channelSat: 16_777_216n }]) {
      await expect(createEmbeddedNode({ home: '/nonexistent', name: 'x', ...options })).rejects.toMatchObject({
        code: 'option-invalid',
      })
    }
  })

  it('runs once at a time, keeps its key, and lets go of everything', async () => {
    const { home, seller, close } = await embeddedPair()
    const again = () => createEmbeddedNode({ home, name: 'seller' })
    const { publicKey } = await seller.info()
    await expect(again()).rejects.toMatchObject({ code: 'node-busy' })
    await seller.close()
    await expect(seller.info()).rejects.toMatchObject({ code: 'node-unreachable' })
    expect(await pay(seller, 'lnbcrt1')).toMatchObject({ status: 'unknown' })
    const remote = await startRemoteNode(home, 'seller')
    expect((await remote.node.info()).publicKey).toBe(publicKey)
    await expect(again()).rejects.toMatchObject({ code: 'node-busy' })
    await remote.kill()
    const restarted = await again()
    expect((await restarted.info()).publicKey).toBe(publicKey)
    await restarted.close()
    await close()
  })

  it('does not run on a chain that lacks its blocks', async () => {
    const { home, seller, buyer, close } = await embeddedPair()
    await Promise.all([seller.close(), buyer.close()])
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(home, `chain.db${suffix}`), { force: true })
    await expect(createEmbeddedNode({ home, name: 'seller' })).rejects.toMatchObject({ code: 'node-corrupt' })
    await close()
  })

  it('leaves nothing that keeps a process alive', async () => {
    const { home, close, seller, buyer } = await embeddedPair()
    await Promise.all([seller.close(), buyer.close()])
    const program = `
      const { createEmbeddedNode } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
      const node = await createEmbeddedNode({ home: ${JSON.stringify(home)}, name: 'seller' })
      node.subscribeSettlements(0n, () => {}, () => {})
      await node.close()`
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000 })
    await close()
  })
})

describe('two nodes', () => {
  let pair: EmbeddedPair
  beforeAll(async () => {
    pair = await embeddedPair()
  })
  afterAll(() => pair.close())

  it('pay in both directions over the one channel', async () => {
    const { seller, buyer } = pair
    await buyer.openChannelTo((await seller.info()).publicKey)
    expect(await pay(seller, (await invoiceOf(buyer)).request)).toMatchObject({ status: 'settled' })
    expect(await pay(buyer, (await invoiceOf(seller)).request)).toMatchObject({ status: 'settled' })
    expect(await buyer.channels()).toHaveLength(1)
  })

  it('hold payments while paused', async () => {
    const { seller, buyer } = pair
    await buyer.pausePayments(true)
    const late = await invoiceOf(seller)
    expect(await pay(buyer, late.request, 200)).toMatchObject({ status: 'failed', reason: 'payment-timeout' })
    expect(await buyer.lookupPayment(late.paymentHash)).toMatchObject({ status: 'failed', reason: 'payment-timeout' })
    const held = await invoiceOf(seller)
    const outcome = pay(buyer, held.request)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await buyer.lookupPayment(held.paymentHash)).toEqual({ status: 'pending' })
    await buyer.pausePayments(false)
    expect(await outcome).toMatchObject({ status: 'settled' })
    // What failed in time may be tried again.
    expect(await pay(buyer, late.request)).toMatchObject({ status: 'settled' })
  })

  it('lose no payment and no settlement when they start anew under load', async () => {
    const { seller, buyer } = pair
    const settlements: Settlement[] = []
    const end = seller.subscribeSettlements(0n, (settlement) => settlements.push(settlement), throwAnything)
    await expect.poll(() => settlements.length).toBeGreaterThan(0)
    const before = settlements.length
    const invoices = await Promise.all(Array.from({ length: 60 }, () => invoiceOf(seller)))
    const paid = invoices.map(async ({ request }, i) => {
      await new Promise((resolve) => setTimeout(resolve, i * 20))
      return pay(buyer, request)
    })
    await Promise.all([seller.recycle(), buyer.recycle()])
    expect(new Set((await Promise.all(paid)).map(({ status }) => status))).toEqual(new Set(['settled']))
    await expect.poll(() => settlements.length).toBe(before + 60)
    expect(settlements.map(({ index }) => index)).toEqual(settlements.map((_, i) => BigInt(i + 1)))
    end()
  })

  it('cannot pay themselves, nor a payee that is not there', async () => {
    const { buyer } = pair
    expect(await pay(buyer, (await invoiceOf(buyer)).request)).toMatchObject({ status: 'failed', reason: 'no-route' })
    await expect(buyer.openChannelTo(`02${'11'.repeat(32)}`)).rejects.toMatchObject({ code: 'node-unreachable' })
  })
})

it('opens one channel for many first payments, and another when it is used up', async () => {
  const { home, seller, buyer, close } = await embeddedPair({ channelSat: 1_000_000n })
  const second = await createEmbeddedNode({ home, name: 'second', channelSat: 1_000_000n })
  const first = await Promise.all(Array.from({ length: 10 }, () => invoiceOf(second)))
  const outcomes = await Promise.all(first.map(({ request }) => pay(buyer, request)))
  expect(outcomes.every(({ status }) => status === 'settled')).toBe(true)
  const { publicKey } = await second.info()
  expect((await buyer.channels()).filter(({ peer }) => peer === publicKey)).toHaveLength(1)

  for (const amount of [400_000, 400_000, 900_000]) {
    const { request } = await invoiceOf(seller, sat(amount))
    expect(await pay(buyer, request), `${amount} sat`).toMatchObject({ status: 'settled' })
  }
  const tooMuch = await invoiceOf(seller, sat(5_000_000))
  expect(await pay(buyer, tooMuch.request)).toMatchObject({ status: 'failed', reason: 'balance-insufficient' })
  await second.close()
  await close()
})

it('keeps to the fee cap on the way through another node', async () => {
  const { home, seller: middle, buyer, close } = await embeddedPair()
  const far = await createEmbeddedNode({ home, name: 'far' })
  const { publicKey } = await far.info()
  await middle.openChannelTo(publicKey)
  const registry = new DatabaseSync(join(home, 'chain.db'), { timeout: 5_000 })
  // The payee vanishes from the registry, so that the only way to it is the hint in its invoice.
  const vanish = () => registry.prepare('DELETE FROM peer WHERE public_key = ?').run(publicKey)
  const { request } = await invoiceOf(far)
  vanish()
  expect(await pay(buyer, request)).toMatchObject({ status: 'failed', reason: 'fee-too-high' })
  vanish()
  expect(await pay(buyer, request, 20_000, sat(1))).toMatchObject({ status: 'settled', fee: 1000n })
  registry.close()
  await far.close()
  await close()
})

describe('two processes', () => {
  it('pay each other, and find each other again on another port', async () => {
    const { home, seller: local, buyer, close } = await embeddedPair()
    await local.close()
    const seller = await startRemoteNode(home, 'seller')
    const invoice = async () => {
      const [made] = await seller.node.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 600 }])
      return made!
    }
    expect(await pay(buyer, (await invoice()).request)).toMatchObject({ status: 'settled' })
    const unpaid = await invoice()
    await seller.kill()
    const waiting = pay(buyer, unpaid.request)
    const again = await startRemoteNode(home, 'seller')
    expect(await waiting).toMatchObject({ status: 'settled' })
    await expect.poll(() => again.settlements.length).toBe(2)
    await again.kill()
    await close()
  })

  it('tell the truth later of a payment whose outcome was unknown', async () => {
    const { home, seller: local, buyer, close } = await embeddedPair()
    await local.close()
    const seller = await startRemoteNode(home, 'seller')
    await expect.poll(async () => (await buyer.channels())[0]?.usable).toBe(true)
    const requests = Array.from({ length: 2 }, () => ({ amount: sat(1), description: '', expiresInSeconds: 600 }))
    const [first, second] = await seller.node.createInvoices(requests)
    seller.freeze()
    const outcomes = Promise.all([pay(buyer, first!.request, 1_000), pay(buyer, second!.request, 1_000)])
    expect((await outcomes).map(({ status }) => status)).toContain('unknown')
    expect(await buyer.lookupPayment(first!.paymentHash)).toEqual({ status: 'pending' })
    // The record of it survives the payer's own restart.
    await buyer.recycle()
    expect(await buyer.lookupPayment(first!.paymentHash)).toEqual({ status: 'pending' })
    seller.thaw()
    await expect
      .poll(() => buyer.lookupPayment(first!.paymentHash), { timeout: 20_000 })
      .toMatchObject({ status: 'settled' })
    await seller.kill()
    await close()
  })
})

function throwAnything(error: Error): void {
  throw error
}
