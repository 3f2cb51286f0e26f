import { expect, test } from 'vitest'
import type { CallerLimits } from '../../src/ledger/limits.ts'
import { sat } from '../../src/money/msat.ts'
import { SessionShop } from '../prepaid/sessionShop.ts'
import { Shop } from '../prepaid/shop.ts'
import { openProxyStand, type ProxyStand, problem, type RawAnswer, raw } from './stand.ts'

const get = (proxy: ProxyStand, url: string, headers: Record<string, string> = {}): Promise<RawAnswer> =>
  raw(proxy, `/pay/${url}`, headers)

const as = (proxy: ProxyStand, name: string, limits: CallerLimits = {}) => ({
  'streampay-token': proxy.callers.add(name, limits).token,
})

const told = (proxy: ProxyStand) => proxy.events.filter((event) => event.type === 'prepaid')

test('an L402 token is bought by whoever asks, used until it is used up, and nobody else’s', async () => {
  const shop = await Shop.open({ schemes: ['l402'], uses: 3 })
  const proxy = await openProxyStand(shop)
  const [ann, bob] = [as(proxy, 'ann'), as(proxy, 'bob')]
  const answers = [await get(proxy, shop.url, ann), await get(proxy, shop.url, ann), await get(proxy, shop.url, bob)]
  expect(answers.map(({ text }) => text)).toEqual(['the thing', 'the thing', 'the thing'])
  const agreements = answers.map(({ headers }) => headers['streampay-agreement'])
  expect(agreements[1]).toBe(agreements[0])
  expect(agreements[2]).not.toBe(agreements[0])
  expect(new Set(shop.delivered).size).toBe(2)
  const record = proxy.requests.get(answers[0]!.headers['streampay-request'] as string)
  expect(record).toMatchObject({ state: 'done', caller: 'ann', paid: '20000', received: '20000' })
  // The owner and those without a token are one.
  await get(proxy, shop.url)
  await get(proxy, shop.url, { 'streampay-token': proxy.token })
  expect(new Set(shop.delivered).size).toBe(3)
  // The third use, and the purchase of the next.
  await get(proxy, shop.url, ann)
  await get(proxy, shop.url, ann)
  expect(new Set(shop.delivered).size).toBe(4)
  expect(told(proxy).map(({ caller, prepaid }) => [caller, prepaid.state])).toEqual([
    ['ann', 'open'],
    ['bob', 'open'],
    ['anyone', 'open'],
    ['ann', 'closed'],
    ['ann', 'open'],
  ])
  shop.checkHonest()
  expect((await proxy.journal.callerSpending('ann')).total).toBe(sat(40))
})

test('a charge is paid for each request, within the budget of its caller', async () => {
  const shop = await Shop.open({ schemes: ['charge'] })
  const proxy = await openProxyStand(shop)
  const ann = as(proxy, 'ann', { perDay: sat(45) })
  expect((await get(proxy, shop.url, ann)).text).toBe('the thing')
  expect((await get(proxy, shop.url, ann)).text).toBe('the thing')
  expect(problem(await get(proxy, shop.url, ann))).toMatchObject({
    ...{ status: 402, code: 'budget-exhausted', limit: 'caller-day', max: '45000', spent: '40000' },
  })
  const { host } = new URL(shop.url)
  const bob = as(proxy, 'bob', { hosts: { [host]: sat(5) } })
  expect(problem(await get(proxy, shop.url, bob))).toMatchObject({ code: 'budget-exhausted', limit: 'caller-host' })
  const cid = as(proxy, 'cid', { hosts: { 'elsewhere.example': null } })
  expect(problem(await get(proxy, shop.url, cid))).toMatchObject({ code: 'target-refused' })
  expect(shop.earned).toBe(sat(40))
  shop.checkHonest()
})

test('what all callers without limits may spend holds for what is prepaid', async () => {
  const shop = await Shop.open({ schemes: ['charge'] })
  const proxy = await openProxyStand(shop, { max: '30 sat' })
  expect((await get(proxy, shop.url)).text).toBe('the thing')
  expect(problem(await get(proxy, shop.url))).toMatchObject({ code: 'budget-exhausted', max: '30000' })
  shop.checkHonest()
})

test('risk, price and scheme are limited: for all, and for one caller within that', async () => {
  const shop = await Shop.open({ schemes: ['charge', 'l402'] })
  const proxy = await openProxyStand(shop, { maxRisk: '30 sat', maxPrice: '20 sat/request' })
  const low = as(proxy, 'low', { maxRisk: sat(19) })
  expect(problem(await get(proxy, shop.url, low))).toMatchObject({ code: 'risk-too-high', maxRisk: '19000' })
  const high = as(proxy, 'high', { maxRisk: sat(100) })
  expect((await get(proxy, shop.url, high)).text).toBe('the thing')
  const [bought] = told(proxy)
  expect(bought?.prepaid.scheme, 'the charge is the first of the order').toBe('charge')
  const strict = await openProxyStand(shop, { maxRisk: '19 sat' })
  const wide = as(strict, 'wide', { maxRisk: sat(100) })
  expect(problem(await get(strict, shop.url, wide))).toMatchObject({ code: 'risk-too-high', maxRisk: '19000' })
  // A token that says nothing of what it is for has no price to be judged; a charge has one.
  const cheap = await openProxyStand(shop, { maxPrice: '20 sat/request', schemes: ['charge'] })
  const own = as(cheap, 'own', { maxPrice: '5 sat/request' })
  expect(problem(await get(cheap, shop.url, own))).toMatchObject({ code: 'price-too-high' })
  const other = as(cheap, 'other', { maxPrice: '5 sat/token' })
  expect(problem(await get(cheap, shop.url, other))).toMatchObject({ code: 'unit-mismatch' })
  const only = await openProxyStand(shop, { schemes: ['stream'] })
  const answer = await get(only, shop.url)
  expect(answer.status).toBe(402)
  expect(answer.headers['www-authenticate'], 'the seller’s own 402').toContain('intent="charge"')
  expect(shop.earned).toBe(sat(20))
})

test('a stream goes through a session, without the events of the session, and what is left comes back at the end', async () => {
  const shop = await SessionShop.open({ chunks: 70 })
  const proxy = await openProxyStand(shop)
  const answer = await get(proxy, shop.url, { 'accept-encoding': 'gzip' })
  expect(answer.text.match(/data: chunk \d+/g)).toHaveLength(70)
  expect(answer.text).toContain('[DONE]')
  expect(answer.text).not.toContain('payment-')
  expect((await get(proxy, shop.url)).text).toContain('[DONE]')
  expect(shop.sessions.size).toBe(1)
  const [open] = proxy.purses.prepaid
  expect(open).toMatchObject({ caller: 'anyone', prepaid: { scheme: 'session', state: 'open', uses: 2, active: 0 } })
  await proxy.purses.close()
  expect(shop.only).toMatchObject({ closed: true, spent: sat(140) })
  expect(shop.refunded + sat(140)).toBe(shop.earned)
  const refund = { amount: shop.refunded, status: shop.refunded > 0n ? 'settled' : 'nothing' }
  expect(told(proxy)).toMatchObject([
    { prepaid: { state: 'open' } },
    { prepaid: { state: 'closed', paid: shop.earned, refund } },
  ])
})

test('a session that nobody used for a while is closed, and not while an answer is read', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let sent = 0
  const shop = await SessionShop.open({ chunks: 5, pace: async () => void (sent++ === 2 && (await promise)) })
  const proxy = await openProxyStand(shop, { idleMs: 30 })
  const answered = get(proxy, shop.url)
  await expect.poll(() => proxy.purses.prepaid[0]?.prepaid.active).toBe(1)
  await new Promise((done) => setTimeout(done, 200))
  expect(shop.only.closed).toBe(false)
  resolve()
  expect((await answered).text).toContain('[DONE]')
  await expect.poll(() => shop.only.closed).toBe(true)
  await expect.poll(() => shop.refunded).toBe(sat(15))
  await expect.poll(() => told(proxy).at(-1)?.prepaid).toMatchObject({ state: 'closed', refund: { status: 'settled' } })
  // The next request opens another.
  expect((await get(proxy, shop.url)).text).toContain('[DONE]')
  expect(shop.sessions.size).toBe(2)
})

test('a caller that is taken away has its session closed, and is forgotten', async () => {
  const shop = await SessionShop.open({ chunks: 5 })
  const proxy = await openProxyStand(shop)
  const ann = as(proxy, 'ann')
  expect((await get(proxy, shop.url, ann)).text).toContain('[DONE]')
  proxy.callers.remove('ann')
  await expect.poll(() => shop.only.closed, { timeout: 15_000 }).toBe(true)
  await expect.poll(() => proxy.purses.prepaid).toEqual([])
})

test('a session whose seller cannot be reached stays open, and is told', async () => {
  const shop = await SessionShop.open({ chunks: 5 })
  const proxy = await openProxyStand(shop, { idleMs: 30 })
  const answer = await get(proxy, shop.url)
  expect(answer.text).toContain('[DONE]')
  await shop.server.close(0)
  await expect
    .poll(() => proxy.events.find(({ type }) => type === 'trouble'))
    .toMatchObject({
      ...{ agreement: answer.headers['streampay-agreement'], error: { code: 'seller-unreachable' } },
    })
  expect((await proxy.journal.agreements('open')).length).toBe(1)
})

test('a dry run shows every way to pay and what is at risk, and pays nothing', async () => {
  const shop = await Shop.open({ schemes: ['charge', 'l402'] })
  const proxy = await openProxyStand(shop, { dryRun: true })
  expect(problem(await get(proxy, shop.url))).toMatchObject({
    ...{ status: 402, code: 'payment-required', dryRun: true },
    detail: expect.stringContaining('20 sat by charge'),
    offers: [
      { scheme: 'charge', price: '20 sat/request', ahead: '20000', risk: expect.stringContaining('all of it') },
      { scheme: 'l402', ahead: '20000', risk: expect.stringContaining('never comes back') },
    ],
  })
  expect(shop.earned).toBe(0n)
})

test('a client’s own token is shown to the seller, and nothing is paid while that is good', async () => {
  const shop = await Shop.open({ schemes: ['l402'], uses: 2 })
  const buyer = shop.buyer()
  expect(await (await buyer.fetch(shop.url)).text()).toBe('the thing')
  const own = shop.asked.at(-1)!
  const proxy = await openProxyStand(shop)
  expect((await get(proxy, shop.url, { authorization: own })).text).toBe('the thing')
  expect(told(proxy)).toEqual([])
  expect(shop.earned).toBe(sat(20))
})
