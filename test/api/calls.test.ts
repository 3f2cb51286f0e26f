import { describe, expect, test } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import type { Closing } from '../../src/buyer/trade/closing.ts'
import { createInvoice, readInvoice } from '../../src/lightning/verbs/verbs.ts'
import { judgeProof, readProof } from '../../src/wire/proof.ts'
import { Shop } from '../prepaid/shop.ts'
import { openMarket } from '../trade/market.ts'
import { problem, Stand, scriptedStand } from './stand.ts'

const bytes = async () => new Response(new Uint8Array(4096))
const HASH = 'ab'.repeat(32)

describe('the node', () => {
  test('tells who it is, who asks, and what can be sent', async () => {
    const { ask, node, server } = await scriptedStand()
    const { publicKey } = await node.info()
    expect((await ask('GET', '/status')).body).toEqual({
      version: '0.0.0',
      url: server.url,
      node: { publicKey, network: 'regtest', alias: 'scripted' },
      caller: { name: 'owner', owner: true },
    })
    expect((await ask('GET', '/balance')).body).toEqual({ sendable: '1000000000', receivable: '1000000000' })
  })
})

describe('an invoice', () => {
  test('is made, looked up, paid, and looked up again', async () => {
    const { ask, node, payee } = await scriptedStand()
    const made = await ask('POST', '/invoices', { amount: '21 sat', description: 'tea', expiresInS: 600 })
    const { invoice, paymentHash, amount, expiresAt } = made.body
    const read = readInvoice(invoice)
    expect(made.status).toBe(201)
    expect(read).toMatchObject({ paymentHash, amount: 21_000n, description: 'tea' })
    expect([amount, Date.parse(expiresAt)]).toEqual(['21000', read.expiresAtMs])
    const shown = async () => (await ask('GET', `/invoices/${paymentHash}`)).body
    expect(await shown()).toEqual({ paymentHash, status: 'open', amount: '21000', expiresAt, invoice })
    payee.peers.push(node)
    await payee.pay({ request: invoice, maxFee: 0n as never, timeoutMs: 1000 })
    expect(await shown()).toMatchObject({ status: 'settled', received: '21000' })
    const any = await ask('POST', '/invoices', { amount: 'any' })
    expect(any.body).not.toHaveProperty('amount')
    expect(readInvoice(any.body.invoice).amount).toBeUndefined()
  })

  test('that is not there, or cannot be, is a problem', async () => {
    const { ask } = await scriptedStand()
    expect(await ask('GET', `/invoices/${HASH}`)).toMatchObject({ status: 404, body: problem('invoice-unknown') })
    for (const [body, code] of [
      [{ amount: '21' }, 'amount-invalid'],
      [{ amount: '0 sat' }, 'amount-out-of-range'],
      [{ amount: '1 sat', description: 'x'.repeat(640) }, 'input-invalid'],
      [{ amount: '1 sat', expiresInS: 0 }, 'input-invalid'],
      [{ amount: 21 }, 'input-invalid'],
      [{ amount: '1 sat', descripton: 'tea' }, 'input-invalid'],
    ] as const) {
      expect(await ask('POST', '/invoices', body)).toMatchObject({ status: 400, body: problem(code) })
    }
  })
})

test('an invoice is decoded, of any network, and nobody is asked', async () => {
  const { ask, node, payee } = await scriptedStand()
  const { request } = await createInvoice(payee, '5 sat', { description: 'tea' })
  const { calls } = node
  const { body } = await ask('POST', '/decode', { text: `lightning:${request.toUpperCase()}` })
  const { features, routeHints, fallbacks, ...rest } = body
  expect(rest).toMatchObject({ request, amount: '5000', network: 'regtest', description: 'tea', expired: false })
  expect([features.length > 0, routeHints, fallbacks]).toEqual([true, [], []])
  expect(await ask('POST', '/decode', { text: 'lnbc1' })).toMatchObject({
    status: 402,
    body: problem('invoice-invalid'),
  })
  expect(node.calls).toBe(calls)
})

describe('a seller', () => {
  test('is asked for its price', async () => {
    const market = await openMarket({ handler: bytes, price: '2 sat/KiB' })
    const { ask } = await scriptedStand()
    const { body } = await ask('POST', '/offers', { url: `${market.url}/file` })
    expect(body).toMatchObject({ price: '2 sat/KiB', unit: 'byte', amount: '2000', per: '1024', network: 'regtest' })
    expect(body.costs['1 MiB']).toBe('2048000')
    expect(market.settled).toBe(0n)
  })

  test('with a tariff is told with all its charges', async () => {
    const price = { request: '1 sat', output: '2 sat/KiB' }
    const market = await openMarket({ handler: bytes, price: price as never })
    const { ask } = await scriptedStand()
    const { tariff, unit } = (await ask('POST', '/offers', { url: market.url, method: 'get' })).body
    expect([unit, tariff]).toEqual([
      'msat',
      { request: '1000', output: { amount: '2000', per: '1024', unitType: 'byte' } },
    ])
  })

  test('that asks for nothing is said to be free, and one that is not there is a problem', async () => {
    const { ask, server } = await scriptedStand()
    const url = `${server.url}/elsewhere`
    expect((await ask('POST', '/offers', { url })).body).toEqual({ url, free: true })
    const gone = await ask('POST', '/offers', { url: 'http://127.0.0.1:1/' })
    expect(gone).toMatchObject({ status: 502, body: problem('seller-unreachable', { retryable: true }) })
    for (const bad of ['file:///etc/passwd', 'http://me:secret@127.0.0.1/', 'http://']) {
      expect(await ask('POST', '/offers', { url: bad })).toMatchObject({ status: 400, body: problem('option-invalid') })
    }
  })

  test('whom the process does not ask is not asked', async () => {
    const { StreamError } = await import('../../src/errors/error.ts')
    const refuse = () => Promise.reject(new StreamError('redirect-refused', 'a private address'))
    const { ask } = await scriptedStand({ fetch: refuse })
    const refused = await ask('POST', '/offers', { url: 'http://169.254.169.254/latest' })
    expect(refused).toMatchObject({ status: 502, body: problem('redirect-refused') })
  })
})

describe('an agreement', () => {
  /** Something bought at a real seller over HTTP, and left open. */
  async function bought(more: object = {}) {
    const market = await openMarket({ handler: bytes })
    const stand = await Stand.open(market.nodes.buyer, more)
    const buyer = createBuyer({ node: market.nodes.buyer, journal: stand.journal, ahead: '10 sat' })
    await (await buyer.fetch(`${market.url}/film`)).arrayBuffer()
    const { agreement, paid } = buyer.trades[0]!
    return { market, stand, buyer, agreement, paid }
  }

  test('is listed, closed once with its balance, and proven', async () => {
    const { stand, buyer, agreement, market } = await bought()
    await buyer.close({ keep: true })
    const open = (await stand.ask('GET', '/agreements?status=open')).body.agreements
    expect(open).toMatchObject([{ agreement, seller: market.url, status: 'open', url: `${market.url}/film` }])
    expect(await stand.ask('GET', `/agreements/${agreement}/statement`)).toMatchObject({ status: 404 })
    const paid = BigInt(open[0].amount)
    const balance = paid - 4000n
    const closed = await stand.ask('POST', `/agreements/${agreement}/close`)
    expect(closed.body).toMatchObject({ state: 'closed', amount: `${balance}` })
    expect(closed.body.returned).toBe(balance === 0n ? 'nothing' : 'settled')
    expect((await stand.ask('POST', `/agreements/${agreement}/close`)).body).toEqual(closed.body)
    expect((await stand.ask('GET', '/agreements?status=open')).body.agreements).toEqual([])
    const [over] = (await stand.ask('GET', '/agreements?status=closed')).body.agreements
    expect([BigInt(over.amount) - BigInt(over.returned), over.status]).toEqual([4000n, 'closed'])
    const proof = (await stand.ask('GET', `/agreements/${agreement}/statement`)).body
    expect(judgeProof(readProof(JSON.stringify(proof))).verdict).toBe('proven')
    expect(JSON.stringify(proof)).not.toContain((await stand.journal.getAgreement(agreement))!.secret)
  })

  test('that somebody holds is not closed behind its back, but by who holds it', async () => {
    let close: (id: string) => Promise<Closing | undefined> = async () => undefined
    const { stand, buyer, agreement } = await bought({ closeTrade: (id: string) => close(id) })
    const busy = await stand.ask('POST', `/agreements/${agreement}/close`)
    expect(busy).toMatchObject({ status: 409, body: problem('agreement-busy', { retryable: true }) })
    close = async (id) => (await buyer.close()).find((closing) => closing.agreement === id)
    expect((await stand.ask('POST', `/agreements/${agreement}/close`)).body).toMatchObject({ state: 'closed' })
  })

  test.each(['l402', 'charge'] as const)('of %s is never closed or paid back, and says so', async (scheme) => {
    const shop = await Shop.open({ schemes: [scheme], refusals: scheme === 'charge' ? 9 : 0 })
    const stand = await Stand.open(shop.nodes.buyer)
    const buyer = createBuyer({ node: shop.nodes.buyer, journal: stand.journal })
    await buyer.fetch(shop.url).catch(() => {})
    await buyer.close()
    const [{ agreement }] = (await stand.ask('GET', '/agreements?status=open')).body.agreements
    const refused = await stand.ask('POST', `/agreements/${agreement}/close`)
    expect(refused).toMatchObject({ status: 409, body: problem('agreement-final', { retryable: false }) })
    expect(refused.body.detail).toMatch(
      scheme === 'l402' ? /an L402 token is never closed/ : /a charge is never closed/,
    )
    expect((await stand.ask('GET', '/agreements?status=open')).body.agreements).toHaveLength(1)
  })

  test('whose seller is gone stays open, and says so', async () => {
    const { stand, buyer, agreement } = await bought({
      fetch: () => Promise.reject(new TypeError('fetch failed')),
    })
    await buyer.close({ keep: true })
    const failed = await stand.ask('POST', `/agreements/${agreement}/close`)
    expect(failed).toMatchObject({ status: 502, body: problem('seller-unreachable') })
    expect((await stand.ask('GET', '/agreements?status=open')).body.agreements).toHaveLength(1)
  })

  test('that nobody has is not found', async () => {
    const { ask } = await scriptedStand()
    for (const [method, rest] of [
      ['POST', 'close'],
      ['GET', 'statement'],
    ] as const) {
      const answer = await ask(method, `/agreements/${'0'.repeat(32)}/${rest}`)
      expect(answer).toMatchObject({ status: 404, body: problem('not-found') })
      expect((await ask(method, `/agreements/nonsense/${rest}`)).status).toBe(400)
    }
  })
})

test('lists come in pages, newest first, and end', async () => {
  const { ask, payee, journal } = await scriptedStand()
  const hashes: string[] = []
  for (let n = 0; n < 5; n++) {
    const { request, paymentHash } = await createInvoice(payee, '1 sat')
    hashes.unshift(paymentHash)
    await ask('POST', '/payments', { invoice: request })
  }
  const agreement = { secret: 's', url: 'http://a.example/x', method: 'GET', challenge: '{}', agreement: '{}' }
  const ids = [1, 2, 3, 4, 5].map((n) => `${n}`.repeat(32))
  for (const [index, id] of ids.entries()) {
    await journal.addAgreement({ id, ...agreement, createdAtMs: Math.floor(index / 2) })
  }
  for (const [path, member, name, all] of [
    ['/history', 'payments', 'paymentHash', new Set(hashes)],
    ['/agreements', 'agreements', 'agreement', new Set(ids)],
  ] as const) {
    const found: string[] = []
    let cursor = ''
    for (let pages = 0; pages < 9; pages++) {
      const { body } = await ask('GET', `${path}?limit=2${cursor}`)
      found.push(...body[member].map((one: Record<string, string>) => one[name]))
      if (body.next === undefined) break
      cursor = `&cursor=${body.next}`
    }
    expect(found).toHaveLength(5)
    expect(new Set(found)).toEqual(all)
  }
  expect((await ask('GET', '/agreements?limit=1')).body.agreements).toMatchObject([{ agreement: ids[4] }])
  expect((await ask('GET', '/history?since=1h')).body.payments).toHaveLength(5)
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'since=soon', 'cursor=1', 'limt=3', 'limit=1&limit=2']) {
    expect((await ask('GET', `/history?${query}`)).status, query).toBe(400)
  }
})

test('limits are shown and set, by the names that the command has for them', async () => {
  const { ask, journal } = await scriptedStand()
  const set = await ask('PUT', '/budgets', { limit: 'host', amount: '5 sat', at: 'https://api.example.com:8443/x' })
  expect(set.body.limits).toContainEqual({ limit: 'host', host: 'api.example.com:8443', max: '5000', spent: '0' })
  expect(set.body).toEqual((await ask('GET', '/budgets')).body)
  await ask('PUT', '/budgets', { limit: 'host', amount: null, at: 'api.example.com:8443' })
  expect(await journal.limits()).toEqual([])
  for (const body of [
    { limit: 'week', amount: '1 sat' },
    { limit: 'day', amount: '1 sat', at: 'a.example' },
    { limit: 'day' },
    { limit: 'day', amount: 'much' },
    { limit: 'host', amount: '1 sat', at: ':' },
  ]) {
    expect((await ask('PUT', '/budgets', body)).status, JSON.stringify(body)).toBe(400)
  }
})
