import { describe, expect, it } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { recover } from '../../src/buyer/journal/recover.ts'
import { openJournal } from '../../src/ledger/index.ts'
import type { Journal } from '../../src/ledger/journal.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { wall } from '../../src/seller/paywall.ts'
import { RETURN_PACE } from '../../src/seller/returns.ts'
import { Seller } from '../../src/seller/seller.ts'
import { atEnd, openStand, upstream } from '../gateway/stand.ts'
import { SessionShop } from './sessionShop.ts'
import { Shop } from './shop.ts'

const failing = (buying: Promise<unknown>) => buying.then(() => undefined).catch((error) => error)
const sum = (settlements: ReadonlyArray<{ readonly amount: bigint }>) =>
  settlements.reduce((total, { amount }) => total + amount, 0n)
const closeAll = (node: Shop['nodes']['buyer'], journal: Journal) => recover({ node, journal, close: true })

/** What a credential of a session asks for; empty for any other. */
function actionOf(init?: RequestInit): string {
  const header = new Headers(init?.headers).get('authorization') ?? ''
  const text = Buffer.from(header.replace(/^Payment /, ''), 'base64url').toString()
  return /"action":"(\w+)"/.exec(text)?.[1] ?? ''
}
/** Answers to what was paid for reach nobody: as where a run is killed before it can note them. */
const losing: typeof fetch = async (url, init) => {
  const response = await fetch(url, init)
  if (!new Headers(init?.headers).has('authorization')) return response
  await response.body?.cancel()
  throw new TypeError('cut')
}
/** These actions reach nobody. */
const without =
  (...actions: string[]): typeof fetch =>
  async (url, init) => {
    if (actions.includes(actionOf(init))) throw new TypeError('cut')
    return fetch(url, init)
  }

describe('after a run that was killed before it noted an answer', () => {
  it.each(['charge', 'l402'] as const)(
    'a %s that its seller calls used is told once, and another is bought',
    async (scheme) => {
      const service = await upstream((_, answer) => answer.end('sold'))
      const route = { upstream: service, price: '2 sat/request', schemes: [scheme], allowance: '2 sat' }
      const stand = await openStand({ routes: [route] })
      const journal = openJournal(':memory:')
      const killed = stand.buyer({ journal, schemes: [scheme], fetch: losing })
      expect(await failing(killed.fetch(`${stand.url}/x`))).toMatchObject({ code: 'seller-unreachable' })
      await killed.close({ keep: true })
      const next = stand.buyer({ journal, schemes: [scheme] })
      expect(await failing(next.fetch(`${stand.url}/x`))).toMatchObject({ code: 'paid-refused' })
      expect(sum(stand.nodes.seller.settlements)).toBe(sat(2))
      expect(await (await next.fetch(`${stand.url}/x`)).text()).toBe('sold')
      expect(sum(stand.nodes.seller.settlements)).toBe(sat(4))
    },
  )

  it('what is refused without a word is tried by two further runs, and then another is bought', async () => {
    const shop = await Shop.open({ schemes: ['charge'] })
    const journal = openJournal(':memory:')
    const killed = shop.buyer({ journal, fetch: losing })
    expect(await failing(killed.fetch(shop.url))).toMatchObject({ code: 'seller-unreachable' })
    await killed.close({ keep: true })
    for (const _ of [1, 2]) {
      const next = shop.buyer({ journal })
      expect(await failing(next.fetch(shop.url))).toMatchObject({ code: 'paid-refused' })
      await next.close()
    }
    expect(shop.earned).toBe(sat(20))
    expect(await (await shop.buyer({ journal }).fetch(shop.url)).text()).toBe('the thing')
    expect(shop.earned).toBe(sat(40))
  })

  it('a session that is open and empty gets a further deposit', async () => {
    const service = await upstream((_, answer) => answer.end('sold'))
    const route = { upstream: service, price: '2 sat/request', schemes: ['session' as const], allowance: '2 sat' }
    const stand = await openStand({ routes: [route] })
    const journal = openJournal(':memory:')
    const killed = stand.buyer({ journal, fetch: losing })
    expect(await failing(killed.fetch(`${stand.url}/x`))).toMatchObject({ code: 'seller-unreachable' })
    await killed.close({ keep: true })
    const next = stand.buyer({ journal })
    expect(await (await next.fetch(`${stand.url}/x`)).text()).toBe('sold')
    await next.close()
    expect(next.prepaid).toMatchObject([{ scheme: 'session', state: 'closed' }])
    expect(sum(stand.nodes.seller.settlements) - sum(stand.nodes.buyer.settlements)).toBe(sat(4))
  })
})

describe('a session of an earlier run', () => {
  it('that spent much of a large deposit is no reason to call its seller a liar', async () => {
    const journal = openJournal(':memory:')
    const shop = await SessionShop.open({ chunks: 45, deposit: sat(50) })
    const options = { journal, maxRisk: '100 sat' }
    const first = shop.buyer(options)
    await (await first.fetch(shop.url)).text()
    await first.close({ keep: true })
    const spent = shop.only.spent
    const second = shop.buyer(options)
    expect((await (await second.fetch(shop.url)).text()).match(/data: chunk/g)).toHaveLength(45)
    await second.close()
    expect(shop.only.spent - spent).toBe(sat(45))
    expect(shop.refunded + sat(90)).toBe(shop.earned)
  })

  it('never has more with the seller than may be at risk', async () => {
    const journal = openJournal(':memory:')
    const shop = await SessionShop.open({ chunks: 5, deposit: sat(50) })
    const first = shop.buyer({ journal })
    await (await first.fetch(shop.url)).text()
    await first.close({ keep: true })
    let most = 0n
    shop.nodes.buyer.script = () => {
      const after = shop.earned + sat(50) - shop.only.spent
      if (after > most) most = after
      return undefined
    }
    const second = shop.buyer({ journal })
    for (let i = 0; i < 12; i++) await (await second.fetch(shop.url)).text()
    expect(shop.earned).toBeGreaterThan(sat(50))
    expect(most).toBeLessThanOrEqual(sat(50))
  })
})

describe('recover with close', () => {
  const sells = async (allowance: string) => {
    const service = await upstream((_, answer) => answer.end('x'.repeat(1024)))
    const route = { upstream: service, price: '1 sat/KiB', schemes: ['session' as const], allowance }
    const stand = await openStand({ routes: [route] })
    return { ...stand, journal: openJournal(':memory:'), node: stand.nodes.buyer, place: `${stand.url}/x` }
  }

  it('opens a session that was paid for and never opened, and takes all of it back', async () => {
    const { buyer, journal, node, place, nodes } = await sells('10 sat')
    const killed = buyer({ journal, fetch: without('open', 'bearer') })
    expect(await failing(killed.fetch(place))).toMatchObject({ code: 'seller-unreachable' })
    await killed.close({ keep: true })
    expect(sum(nodes.seller.settlements)).toBe(sat(10))
    const { agreements } = await closeAll(node, journal)
    expect(agreements).toMatchObject([{ now: 'closed', returned: 'settled', amount: sat(10) }])
    expect(sum(node.settlements)).toBe(sat(10))
    expect((await closeAll(node, journal)).agreements).toEqual([])
  })

  it('so does the end of the run that paid for it, if the seller is there again', async () => {
    const { buyer, journal, node, place } = await sells('10 sat')
    let isAway = true
    const cut: typeof fetch = (url, init) =>
      isAway && actionOf(init) !== '' ? Promise.reject(new TypeError('cut')) : fetch(url, init)
    const one = buyer({ journal, fetch: cut })
    expect(await failing(one.fetch(place))).toMatchObject({ code: 'seller-unreachable' })
    isAway = false
    await one.close()
    expect(one.prepaid).toMatchObject([{ state: 'closed', refund: { status: 'settled', amount: sat(10) } }])
    expect(sum(node.settlements)).toBe(sat(10))
  })

  it('does not write off a deposit whose session cannot be opened', async () => {
    const shop = await SessionShop.open()
    const journal = openJournal(':memory:')
    const { buyer: node } = shop.nodes
    const killed = shop.buyer({ journal, fetch: without('open', 'bearer') })
    expect(await failing(killed.fetch(shop.url))).toMatchObject({ code: 'seller-unreachable' })
    await killed.close({ keep: true })
    const { agreements } = await recover({ node, journal, close: true, fetch: without('open') })
    expect(agreements).toMatchObject([{ now: 'failed', error: { code: 'session-unknown' } }])
    expect(await journal.agreements('open')).toHaveLength(1)
  })

  it('tells the seller of deposits that were paid before it closes their session', async () => {
    const shop = await SessionShop.open({ chunks: 15 })
    const journal = openJournal(':memory:')
    const { buyer: node } = shop.nodes
    const killed = shop.buyer({ journal, fetch: without('topUp') })
    await (await killed.fetch(shop.url)).text()
    await expect.poll(() => shop.earned).toBe(sat(40))
    await killed.close({ keep: true })
    expect(shop.only.deposits).toBe(sat(20))
    const { agreements } = await closeAll(node, journal)
    expect(agreements).toMatchObject([{ now: 'closed', returned: 'settled', amount: sat(25) }])
    expect(shop.only.deposits).toBe(sat(40))
    expect(shop.refunded).toBe(sat(25))
    expect(await journal.agreements('open')).toEqual([])
  })

  it('takes back the deposit of a session that was closed before it was told of it', async () => {
    const service = await upstream(({ method }, answer) => {
      if (method === 'HEAD') return void answer.end()
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let i = 0; i < 18; i++) answer.write(`data: {"n":${i}}\n\n`)
    })
    const route = { upstream: service, price: '1 sat/token', schemes: ['session' as const] }
    const { buyer, nodes, url, gateway } = await openStand({ routes: [route] })
    const journal = openJournal(':memory:')
    const killed = buyer({ journal, fetch: without('topUp') })
    const reader = (await killed.fetch(`${url}/x`)).body!.getReader()
    for (let text = ''; !text.includes('"n":17'); ) text += Buffer.from((await reader.read()).value!).toString()
    await expect.poll(() => sum(nodes.seller.settlements)).toBe(sat(40))
    await reader.cancel()
    await killed.close({ keep: true })
    const seller = await gateway.seller
    const [{ paymentHash }] = killed.prepaid as [(typeof killed.prepaid)[0]]
    const session = await seller.accounts.offered(paymentHash)
    await seller.sessions.close(session!)
    await expect.poll(() => sum(nodes.buyer.settlements)).toBe(sat(2))

    const { agreements } = await closeAll(nodes.buyer, journal)
    expect(agreements).toMatchObject([
      { now: 'closed', returned: 'settled', amount: sat(2) },
      { now: 'closed', returned: 'settled', amount: sat(20) },
    ])
    expect(sum(nodes.buyer.settlements)).toBe(sat(22))
    expect((await closeAll(nodes.buyer, journal)).agreements).toEqual([])
    expect(await journal.agreements('open')).toEqual([])
  })

  it('asks again for a refund that was on its way', async () => {
    const nodes = scriptedPair()
    const returnPace = { ...RETURN_PACE, answerMs: 20, firstDelayMs: 200 }
    const seller = new Seller({ node: nodes.seller }, { returnPace })
    const sells = wall(seller, { price: '1 sat/KiB', schemes: ['session'], allowance: '10 sat' })
    const server = await serve(
      sells(() => new Response('x'.repeat(1024))),
      { port: 0 },
    )
    atEnd(() => seller.close())
    atEnd(() => server.close(0))
    let isDown = true
    nodes.seller.script = () => (isDown ? { status: 'failed', reason: 'no-route', detail: 'nobody there' } : undefined)
    const { buyer: node } = nodes
    const journal = openJournal(':memory:')
    const one = createBuyer({ node, journal })
    await (await one.fetch(server.url)).text()
    await one.close()
    expect(one.prepaid).toMatchObject([{ state: 'closed', refund: { status: 'pending', amount: sat(9) } }])
    expect((await recover({ node, journal })).agreements).toMatchObject([{ now: 'closed', returned: 'pending' }])
    isDown = false
    await expect.poll(() => sum(node.settlements)).toBe(sat(9))
    const { agreements } = await recover({ node, journal })
    expect(agreements).toMatchObject([{ now: 'closed', returned: 'settled', amount: sat(9) }])
    expect((await journal.agreements())[0]!.returns).toMatchObject([{ amount: sat(9), status: 'settled' }])
    expect((await recover({ node, journal })).agreements).toEqual([])
    expect(sum(node.settlements)).toBe(sat(9))
  })

  it('closes what was written and never paid, and leaves tokens to be used', async () => {
    const shop = await Shop.open({ schemes: ['l402'] })
    const journal = openJournal(':memory:')
    const { buyer: node } = shop.nodes
    const one = shop.buyer({ journal })
    await (await one.fetch(shop.url)).text()
    await one.close()
    const [token] = await journal.agreements('open')
    const agreement = token!.agreement.replace(/"paymentHash":"\w+"/, `"paymentHash":"${'cd'.repeat(32)}"`)
    const unpaid = { ...token!, id: 'ab'.repeat(16), agreement }
    await journal.addAgreement(unpaid)
    await journal.releaseAgreement(unpaid.id)
    expect((await closeAll(node, journal)).agreements).toEqual([])
    expect(await journal.agreements('open')).toMatchObject([{ id: token!.id }])
    await (await shop.buyer({ journal }).fetch(shop.url)).text()
    expect(shop.earned).toBe(sat(20))
  })
})
