import { describe, expect, test } from 'vitest'
import { type ScriptedNode, scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { atEnd, openStand, upstream } from '../gateway/stand.ts'
import { Purse } from '../hostile/purse.ts'
import { film } from '../hostile/sale.ts'
import { type Lies, Stall } from '../hostile/speaker/seller.ts'
import { openProxyStand, type ProxySettings, type ProxyStand } from './stand.ts'

const KIB = 1024
const DEAR = 100n
const AHEAD = 10_000n

interface Scene {
  readonly stall: Stall
  readonly proxy: ProxyStand
  readonly nodes: { readonly buyer: ScriptedNode; readonly seller: ScriptedNode }
}

/** A seller that lies, by the hostile seller's program, behind the proxy. */
async function behindProxy(lies: Lies, settings: ProxySettings = {}): Promise<Scene> {
  const nodes = scriptedPair()
  const purse = new Purse(nodes.seller, nodes.seller.publicKey)
  const stall = await Stall.open(nodes.seller, purse, { price: '1 sat/KiB', lies })
  atEnd(() => stall.close().catch(() => {}))
  return { stall, proxy: await openProxyStand({ nodes }, { to: stall.url, ...settings }), nodes }
}

const recordOf = async (proxy: ProxyStand, response: Response) =>
  (await fetch(`${proxy.url}/.streampay/requests/${response.headers.get('streampay-request')}`)).json()

/** Reads until the connection ends, however it does. */
async function readUp(response: Response): Promise<{ readonly bytes: number; readonly isWhole: boolean }> {
  let bytes = 0
  try {
    for await (const chunk of response.body!) bytes += chunk.length
    return { bytes, isWhole: true }
  } catch {
    return { bytes, isWhole: false }
  }
}

/** No invoice was paid twice, every payment has an end, and the journal has what the seller's node was paid. */
async function expectBooked({ proxy, nodes }: Pick<Scene, 'proxy' | 'nodes'>): Promise<bigint> {
  await expect.poll(async () => (await proxy.journal.payments({ open: true })).length).toBe(0)
  const payments = await proxy.journal.payments()
  const settled = payments.filter(({ status }) => status === 'settled')
  expect(new Set(payments.map(({ paymentHash }) => paymentHash)).size).toBe(payments.length)
  const received = [...nodes.seller.settlements]
  expect(new Set(received.map(({ paymentHash }) => paymentHash)).size).toBe(received.length)
  const sum = received.reduce((total, { amount }) => total + amount, 0n)
  expect(settled.reduce((total, { amount }) => total + amount, 0n)).toBe(sum)
  return sum
}

describe('a seller that raises its price', () => {
  const dearer: Lies['offer'] = (offer, n) =>
    n === 0 ? offer : { ...offer, price: { ...offer.price, msat: offer.price.msat * DEAR } }

  test('in mid-agreement is not paid more: the next request is refused, and says what is asked', async () => {
    let uses = 0
    const scene = await behindProxy(
      {
        offer: dearer,
        use: async (visit) => {
          if (uses++ > 0) return visit.stall.paymentRequired(visit.outgoing)
          if (await film(visit, 12)) visit.outgoing.end()
        },
      },
      { maxPrice: '2 sat/KiB' },
    )
    const { proxy } = scene
    const first = await fetch(`${proxy.url}/film`)
    expect(await readUp(first)).toEqual({ bytes: 12 * KIB, isWhole: true })
    const paid = await expectBooked(scene)
    const second = await fetch(`${proxy.url}/film`)
    expect(await second.json()).toMatchObject({
      ...{ status: 402, code: 'price-too-high', hint: expect.stringMatching(/./) },
      ...{ detail: expect.stringContaining('100 sat/KiB'), received: '12000' },
    })
    expect(await expectBooked(scene), 'nothing was paid for what was refused').toBe(paid)
    expect(paid).toBeLessThanOrEqual(12_000n + AHEAD)
    expect(await recordOf(proxy, first)).toMatchObject({ state: 'done', received: '12000' })
    // What it was paid ahead is asked back.
    await proxy.purses.close()
    expect(proxy.events.filter(({ type }) => type === 'closed')).toMatchObject([
      { closing: { agreement: first.headers.get('streampay-agreement'), statement: { paid } } },
    ])
  })

  test('when the agreement is made anew is refused then, before anything is paid', async () => {
    const scene = await behindProxy(
      {
        offer: dearer,
        use: async (visit) => {
          if (await film(visit, 12)) visit.outgoing.end()
        },
      },
      { maxPrice: '2 sat/KiB', idleMs: 50 },
    )
    const { proxy, nodes } = scene
    expect(await readUp(await fetch(`${proxy.url}/film`))).toEqual({ bytes: 12 * KIB, isWhole: true })
    await expect.poll(() => proxy.events.some(({ type }) => type === 'closed')).toBe(true)
    const invoices = nodes.seller.requests.length
    const paid = await expectBooked(scene)
    const second = await fetch(`${proxy.url}/film`)
    expect(await second.json()).toMatchObject({ status: 402, code: 'price-too-high', request: expect.any(String) })
    expect(await expectBooked(scene)).toBe(paid)
    expect(nodes.seller.requests).toHaveLength(invoices)
  })
})

describe('a seller that changes its node key', () => {
  test('in mid-stream is paid nothing on the other key, and the client hears what it paid and received', async () => {
    const other = scriptedPair().seller
    let mints = 0
    const scene = await behindProxy({
      mint: async (amounts, deal, stall) => {
        if (mints++ < 2) return stall.mint(amounts, deal)
        const asked = amounts.map((amount) => ({
          amount,
          description: `stream ${deal.agreement.id}`,
          expiresInSeconds: 600,
        }))
        return (await other.createInvoices(asked)).map(({ request }) => request)
      },
      use: async (visit) => {
        if (await film(visit, 2000)) visit.outgoing.end()
      },
    })
    const { proxy, nodes } = scene
    nodes.buyer.peers.push(other)
    const response = await fetch(`${proxy.url}/film`)
    const { bytes, isWhole } = await readUp(response)
    expect(isWhole, 'it must not look whole').toBe(false)
    const record = await recordOf(proxy, response)
    expect(record).toMatchObject({
      state: 'failed',
      error: { code: 'invoice-mismatch', hint: expect.stringMatching(/./) },
    })
    expect(other.settlements).toEqual([])
    const paid = await expectBooked(scene)
    expect(BigInt(record.error.paid)).toBe(paid)
    expect(paid).toBeGreaterThan(0n)
    expect(bytes).toBeLessThanOrEqual(2000 * KIB)
    expect(BigInt(record.error.received)).toBeGreaterThanOrEqual(BigInt(Math.floor(bytes / KIB)) * 1000n)
    for (const { request } of await proxy.journal.payments()) {
      expect(decodeInvoice(request).payee).toBe(nodes.seller.publicKey)
    }
  })

  test('in its offer, and not in its invoices, is paid nothing', async () => {
    const { publicKey } = scriptedPair().seller
    const scene = await behindProxy({ offer: (offer) => ({ ...offer, payee: publicKey }) })
    const refused = await fetch(`${scene.proxy.url}/film`)
    expect(await refused.json()).toMatchObject({ code: 'invoice-mismatch', hint: expect.stringMatching(/./) })
    expect(await expectBooked(scene)).toBe(0n)
  })
})

test('a seller that vanishes in mid-stream: what was paid and received is told, and what is in doubt is followed to its end', async () => {
  const scene = await behindProxy({
    use: async (visit) => {
      await film(visit, 40)
      visit.stall.server.close()
      visit.stall.server.closeAllConnections()
    },
  })
  const { proxy } = scene
  const response = await fetch(`${proxy.url}/film`)
  const { bytes, isWhole } = await readUp(response)
  expect(isWhole).toBe(false)
  expect(bytes).toBe(40 * KIB)
  const record = await recordOf(proxy, response)
  expect(record).toMatchObject({
    state: 'failed',
    received: '40000',
    error: { code: 'stream-interrupted', received: '40000', hint: expect.stringMatching(/./) },
  })
  const paid = await expectBooked(scene)
  expect(BigInt(record.error.paid)).toBeLessThanOrEqual(paid)
  expect(paid).toBeLessThanOrEqual(40_000n + AHEAD)
  const next = await fetch(`${proxy.url}/film`)
  expect(next.status).toBe(502)
  expect(await next.json()).toMatchObject({ code: 'seller-unreachable', hint: expect.stringMatching(/./) })
  expect(await expectBooked(scene)).toBe(paid)
  // It is not forgotten: the agreement stays open in the journal, for `streampay recover`.
  expect(await proxy.journal.agreements('open')).toMatchObject([{ id: response.headers.get('streampay-agreement') }])
})

test('two programs that draw on one budget at once: together they never pass it, and each hears what it got', async () => {
  const endless = await upstream((_, response) => {
    const pour = () => {
      while (!response.destroyed && response.write(Buffer.alloc(KIB)));
    }
    response.on('drain', pour)
    pour()
  })
  const stand = await openStand({ routes: [{ upstream: endless, price: '1 sat/KiB' }] })
  const proxy = await openProxyStand(stand, { to: stand.url })
  const scene = { proxy, nodes: stand.nodes }
  const { token } = proxy.callers.add('both', { max: sat(60) })
  const headers = { 'streampay-token': token }
  const records = await Promise.all(
    [1, 2].map(async () => {
      const response = await fetch(`${proxy.url}/film`, { headers })
      expect((await readUp(response)).isWhole).toBe(false)
      return recordOf(proxy, response)
    }),
  )
  for (const { state, error, caller } of records) {
    expect({ state, caller }).toEqual({ state: 'failed', caller: 'both' })
    expect(error).toMatchObject({
      ...{ code: 'budget-exhausted', limit: 'caller', max: '60000', hint: expect.stringMatching(/./) },
      ...{ paid: expect.stringMatching(/^\d+$/), received: expect.stringMatching(/^\d+$/) },
    })
  }
  const paid = await expectBooked(scene)
  expect(paid).toBeLessThanOrEqual(60_000n)
  expect(paid).toBeGreaterThan(40_000n)
  expect((await proxy.journal.callerSpending('both')).total).toBe(paid)
  const third = await fetch(`${proxy.url}/film`, { headers })
  expect(await third.json()).toMatchObject({ code: 'budget-exhausted' })
  expect(await expectBooked(scene)).toBe(paid)
})
