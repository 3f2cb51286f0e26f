import { describe, expect, it } from 'vitest'
import { purchaseOf } from '../../src/buyer/purchase.ts'
import { openJournal } from '../../src/ledger/index.ts'
import type { InvoiceRequest } from '../../src/lightning/node.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { nodeKey } from '../../src/wire/testing/fixtures.ts'
import { foreignInvoice, makeInvoice } from '../../src/wire/testing/invoice.ts'
import { Shop } from './shop.ts'

const failing = (buying: Promise<unknown>) => buying.then(() => undefined).catch((error) => error)

/** It leaves the amount to the payer. */
const openInvoice = makeInvoice({
  privateKey: nodeKey,
  network: 'regtest',
  paymentHash: 'ab'.repeat(32),
  description: '',
  createdAtMs: Date.now(),
  expiresInSeconds: 600,
})

describe('a charge', () => {
  it('is paid once for each request, and shown once', async () => {
    const shop = await Shop.open({ schemes: ['charge'] })
    const buyer = shop.buyer()
    for (const _ of [1, 2]) expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(40))
    expect(buyer.spent).toBe(sat(40))
    expect(shop.delivered).toHaveLength(2)
    expect(buyer.prepaid).toMatchObject([
      { scheme: 'charge', paid: sat(20), uses: 1, state: 'closed' },
      { scheme: 'charge', paid: sat(20), uses: 1, state: 'closed' },
    ])
    shop.checkHonest()
  })

  it('tells what the answer was paid on', async () => {
    const shop = await Shop.open({ schemes: ['charge'] })
    const buyer = shop.buyer()
    const response = await buyer.fetch(shop.url)
    const [{ agreement } = { agreement: '' }] = buyer.prepaid
    expect(purchaseOf(response)).toEqual({ agreement, cost: sat(20), paid: sat(20) })
  })

  it('is tried again with the same credential while the seller has not seen the payment yet', async () => {
    const shop = await Shop.open({ schemes: ['charge'], refusals: 2 })
    expect(await (await shop.buyer().fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(20))
    shop.checkHonest()
  })

  it('at several requests at once is paid for each', async () => {
    const shop = await Shop.open({ schemes: ['charge'] })
    const buyer = shop.buyer()
    const texts = await Promise.all([1, 2, 3, 4].map(async () => (await buyer.fetch(shop.url)).text()))
    expect(texts).toEqual(new Array(4).fill('the thing'))
    expect(shop.earned).toBe(sat(80))
    shop.checkHonest()
  })
})

describe('an L402 token', () => {
  it('is used until it is used up, and then another is bought', async () => {
    const shop = await Shop.open({ schemes: ['l402'], uses: 3 })
    const buyer = shop.buyer()
    for (let i = 0; i < 7; i++) expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(60))
    expect(buyer.prepaid.map(({ uses, state }) => [uses, state])).toEqual([
      [3, 'closed'],
      [3, 'closed'],
      [1, 'open'],
    ])
    shop.checkHonest()
  })

  it('is bought once by several requests at once', async () => {
    const shop = await Shop.open({ schemes: ['l402'], uses: 10 })
    const buyer = shop.buyer()
    const texts = await Promise.all([1, 2, 3, 4].map(async () => (await buyer.fetch(shop.url)).text()))
    expect(texts).toEqual(new Array(4).fill('the thing'))
    expect(shop.earned).toBe(sat(20))
    shop.checkHonest()
  })

  it('of an earlier run is found again and used', async () => {
    const journal = openJournal(':memory:')
    const shop = await Shop.open({ schemes: ['l402'], uses: 3 })
    for (let run = 0; run < 3; run++) {
      const buyer = shop.buyer({ journal })
      expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
      await buyer.close()
    }
    expect(shop.earned).toBe(sat(20))
    const buyer = shop.buyer({ journal })
    await buyer.fetch(shop.url)
    expect(shop.earned).toBe(sat(40))
    shop.checkHonest()
  })

  it('of which its seller says 401 when it is used up is followed by another', async () => {
    const shop = await Shop.open({ schemes: ['l402'], uses: 2, silent: true })
    const buyer = shop.buyer()
    for (let i = 0; i < 5; i++) expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(60))
    shop.checkHonest()
  })

  it('is bought once where what is sold says 401', async () => {
    const shop = await Shop.open({
      schemes: ['l402'],
      uses: 9,
      answer: () => new Response('who are you?', { status: 401 }),
    })
    const buyer = shop.buyer()
    for (let i = 0; i < 3; i++) expect((await buyer.fetch(shop.url)).status).toBe(401)
    expect(shop.earned).toBe(sat(20))
  })

  it('serves other paths of its origin too, where the seller takes it', async () => {
    const shop = await Shop.open({ schemes: ['l402'], uses: 3 })
    const buyer = shop.buyer()
    await buyer.fetch(shop.url)
    expect(await (await buyer.fetch(`${shop.url}/else`)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(20))
  })
})

describe('what was paid for and never used', () => {
  it.each(['charge', 'l402'] as const)('is used by the next run: %s', async (scheme) => {
    const journal = openJournal(':memory:')
    const shop = await Shop.open({ schemes: [scheme] })
    // The first run pays, and ends before its credential arrives.
    const lost = shop.buyer({
      journal,
      fetch: (url, init) => {
        if (new Headers(init?.headers).has('authorization')) throw new TypeError('cut')
        return fetch(url, init)
      },
    })
    expect(await failing(lost.fetch(shop.url))).toMatchObject({ code: 'seller-unreachable' })
    await lost.close()
    expect(shop.earned).toBe(sat(20))
    const buyer = shop.buyer({ journal })
    expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(20))
    shop.checkHonest()
  })

  it('is used by the same run too', async () => {
    const shop = await Shop.open({ schemes: ['charge'] })
    let cuts = 1
    const buyer = shop.buyer({
      fetch: (url, init) => {
        if (new Headers(init?.headers).has('authorization') && cuts-- > 0) throw new TypeError('cut')
        return fetch(url, init)
      },
    })
    await failing(buyer.fetch(shop.url))
    expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(20))
  })

  it('is not paid for again while its payment has no known end', async () => {
    const journal = openJournal(':memory:')
    const nodes = scriptedPair()
    const shop = await Shop.open({ schemes: ['l402'] }, nodes)
    // The process ends while the payment is on its way; the node goes on.
    const sent = Promise.withResolvers<string>()
    const ended = Promise.withResolvers<undefined>()
    nodes.buyer.script = ({ request }) => {
      sent.resolve(request)
      return ended.promise
    }
    const first = failing(shop.buyer({ journal }).fetch(shop.url))
    await sent.promise
    const [row] = await journal.payments()
    expect(row).toMatchObject({ status: 'pending', amount: sat(20) })
    await journal.releaseAgreement(row!.agreementId)
    nodes.buyer.script = () => undefined
    nodes.buyer.settle(row!.paymentHash, row!.amount)
    expect(await (await shop.buyer({ journal }).fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(20))
    expect((await journal.payments()).map(({ status }) => status)).toEqual(['settled'])
    ended.resolve(undefined)
    await first
  })
})

describe('a seller that takes the money and refuses', () => {
  it.each(['charge', 'l402'] as const)('is paid once, and it is said: %s', async (scheme) => {
    const shop = await Shop.open({ schemes: [scheme], refusals: Number.POSITIVE_INFINITY })
    const buyer = shop.buyer()
    const error = await failing(buyer.fetch(shop.url))
    expect(error).toMatchObject({ code: 'paid-refused', exitCode: 6 })
    expect(error.details.paymentHash).toBe(shop.nodes.seller.settlements[0]!.paymentHash)
    expect(await failing(buyer.fetch(shop.url))).toMatchObject({ code: 'paid-refused' })
    expect(shop.earned).toBe(sat(20))
  })

  it('is not paid by an invoice that was paid before', async () => {
    const nodes = scriptedPair()
    const [invoice] = await nodes.seller.createInvoices([{ amount: sat(20), description: '', expiresInSeconds: 600 }])
    const node = {
      createInvoices: async () => [invoice!],
      lookupInvoice: nodes.seller.lookupInvoice.bind(nodes.seller),
    }
    const shop = await Shop.open({ schemes: ['charge'], node }, nodes)
    const buyer = shop.buyer()
    expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(await failing(buyer.fetch(shop.url))).toMatchObject({ code: 'paid-refused' })
    expect(shop.earned).toBe(sat(20))
  })
})

describe('two that are shown one invoice', () => {
  it.each([
    ['with a journal each', () => [openJournal(':memory:'), openJournal(':memory:')]],
    ['with one journal', (one = openJournal(':memory:')) => [one, one]],
  ])('both buy, %s: who comes second is offered another', async (_, journals) => {
    const nodes = scriptedPair()
    const { seller } = nodes
    const ask = { amount: sat(20), description: '', expiresInSeconds: 600 }
    const [first] = await seller.createInvoices([ask])
    const isPaid = async () => (await seller.lookupInvoice(first!.paymentHash)) !== undefined
    const node = {
      createInvoices: async (asked: readonly InvoiceRequest[]) =>
        (await isPaid()) ? seller.createInvoices(asked) : [first!],
      lookupInvoice: (hash: string) => seller.lookupInvoice(hash),
    }
    // As LND answers whoever comes second.
    nodes.buyer.script = async ({ request }, before) => {
      if (request !== first!.request || before === 0) return undefined
      await expect.poll(isPaid).toBe(true)
      return { status: 'failed', reason: 'invoice-invalid', detail: 'INCORRECT_PAYMENT_DETAILS' }
    }
    const shop = await Shop.open({ schemes: ['charge'], node }, nodes)
    const fetched = journals().map(async (journal) => (await shop.buyer({ journal }).fetch(shop.url)).text())
    expect(await Promise.all(fetched)).toEqual(['the thing', 'the thing'])
    expect(shop.earned).toBe(sat(40))
    shop.checkHonest()
  })
})

describe('before anything is paid', () => {
  it.each<[string, string, Parameters<typeof Shop.open>[0], object]>([
    ['above what may be at risk', 'risk-too-high', { schemes: ['l402'], price: sat(51) }, {}],
    ['above the budget', 'budget-exhausted', { schemes: ['l402'] }, { max: '20 sat' }],
    ['above the limit on a request', 'budget-exhausted', { schemes: ['charge'] }, { limits: { request: '20 sat' } }],
    ['above the price of a request', 'price-too-high', { schemes: ['charge'] }, { maxPrice: '19 sat/request' }],
    [
      'above the price of a unit',
      'price-too-high',
      { schemes: ['l402'], caveats: ['services=shop:0', 'shop_allowance=1000:token'] },
      { maxPrice: '19 sat/1k tokens' },
    ],
    ['that expires too soon', 'invoice-mismatch', { schemes: ['l402'], expirySeconds: 10 }, {}],
    [
      'for another payment than the token',
      'invoice-mismatch',
      { schemes: ['l402'], tamper: (value) => value.replace(/invoice="[^"]*"/, `invoice="${foreignInvoice()}"`) },
      {},
    ],
    [
      'without an amount',
      'invoice-mismatch',
      {
        schemes: ['l402'],
        tamper: () => `L402 macaroon="abcd", invoice="${openInvoice}"`,
      },
      {},
    ],
  ])('what is asked for %s is refused', async (_, code, options, limits) => {
    const shop = await Shop.open(options)
    const buyer = shop.buyer(limits)
    expect(await failing(buyer.fetch(shop.url))).toMatchObject({ code })
    expect(shop.nodes.buyer.calls).toBe(0)
    expect(buyer.spent).toBe(0n)
  })

  it('a node that said who it is when it was opened is not asked again', async () => {
    const shop = await Shop.open({ schemes: ['l402'] })
    const { buyer: node } = shop.nodes
    const { canSend: _, canReceive: __, ...identity } = await node.info()
    let asked = 0
    const told = new Proxy(node, {
      get: (target, name) => {
        if (name === 'identity') return identity
        if (name === 'info') asked++
        const member = Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    expect(await (await shop.buyer({ node: told }).fetch(shop.url)).text()).toBe('the thing')
    expect(asked).toBe(0)
  })

  it('a failed payment is given back, and may be tried again', async () => {
    const shop = await Shop.open({ schemes: ['l402'] })
    let failures = 1
    shop.nodes.buyer.script = () => (failures-- > 0 ? { status: 'failed', reason: 'no-route', detail: '' } : undefined)
    const buyer = shop.buyer()
    expect(await failing(buyer.fetch(shop.url))).toMatchObject({ code: 'no-route' })
    expect(buyer.spent).toBe(0n)
    expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(buyer.spent).toBe(sat(20))
  })

  it('a wallet that tells no preimage has bought nothing that can be shown', async () => {
    const shop = await Shop.open({ schemes: ['l402'] })
    shop.nodes.buyer.script = () => ({ status: 'settled', preimage: '', fee: sat(0) })
    const buyer = shop.buyer()
    // And is not asked to pay for the same place again.
    for (const _ of [1, 2]) expect(await failing(buyer.fetch(shop.url))).toMatchObject({ code: 'node-failed' })
    expect(buyer.spent).toBe(sat(20))
  })
})

describe('of several schemes', () => {
  it('the one with the least at risk is taken, and the next if that is above the limits', async () => {
    const shop = await Shop.open({ schemes: ['l402', 'charge'] })
    const buyer = shop.buyer()
    await buyer.fetch(shop.url)
    expect(buyer.prepaid).toMatchObject([{ scheme: 'charge' }])
    const picky = shop.buyer({ maxPrice: '19 sat/request' })
    await picky.fetch(shop.url)
    expect(picky.prepaid).toMatchObject([{ scheme: 'l402' }])
  })

  it('the buyer says which, and in what order', async () => {
    const shop = await Shop.open({ schemes: ['l402', 'charge'] })
    const buyer = shop.buyer({ schemes: ['l402', 'charge'] })
    await buyer.fetch(shop.url)
    expect(buyer.prepaid).toMatchObject([{ scheme: 'l402' }])
  })

  it('none is paid by a buyer that pays by use alone', async () => {
    const shop = await Shop.open({ schemes: ['l402', 'charge'] })
    const buyer = shop.buyer({ schemes: ['stream'] })
    expect((await buyer.fetch(shop.url)).status).toBe(402)
    expect(shop.earned).toBe(0n)
  })

  it('one that cannot be read does not hide the others', async () => {
    const shop = await Shop.open({
      schemes: ['charge', 'l402'],
      tamper: (value) => value.replace(/request="[^"]*"/, 'request="e30"'),
    })
    const buyer = shop.buyer()
    expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
    expect(buyer.prepaid).toMatchObject([{ scheme: 'l402' }])
  })
})
