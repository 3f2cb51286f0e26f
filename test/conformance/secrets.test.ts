/*
 * A seller whose secret was replaced: what was made with the one before is good until it ends by itself.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Ledger, openLedger } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { type Challenge, challengeId } from '../../src/wire/challenge.ts'
import { formatTime } from '../../src/wire/time.ts'
import { byCharge, byL402, bySession, offeredBy, problemOf } from '../schemes/offered.ts'
import { openShop, returnInvoice, type Shop } from '../schemes/stand.ts'
import { bytes, type MarketOptions, openMarket, readAll } from '../trade/market.ts'
import { codeOf, NONCE, RawBuyer } from '../trade/wire.ts'

const OLD = new Uint8Array(32).fill(1)
const NEW = new Uint8Array(32).fill(2)
const DAY_MS = 24 * 3_600_000

afterEach(() => {
  vi.useRealTimers()
})

const replaced = (replacedAtMs = Date.now()) => ({ secret: NEW, earlierSecrets: [{ secret: OLD, replacedAtMs }] })

/** A seller that starts again with another secret, and the ledger and node that it had. */
function openShops(later: object = replaced()) {
  const nodes = scriptedPair()
  const ledger: Ledger = openLedger(':memory:')
  const shared = { ledger, allowance: '4 sat' }
  const before = openShop({ ...shared, secret: OLD }, undefined, {}, nodes)
  return {
    nodes,
    before,
    /** Called when the first has done its work: a ledger has one seller at a time. */
    replace: async (): Promise<Shop> => {
      await before.seller.close()
      return openShop({ ...shared, ...later }, undefined, {}, nodes)
    },
  }
}

async function openMarkets(options: Partial<MarketOptions> = {}) {
  const ledger = openLedger(':memory:')
  const shared = { handler: bytes(1000), price: '1 sat/KiB', ledger, ...options }
  const first = await openMarket({ ...shared, secret: OLD })
  const raw = new RawBuyer(first)
  return {
    raw,
    replace: async (later: Partial<MarketOptions> = replaced()) => {
      await first.close()
      const next = await openMarket({ ...shared, nodes: first.nodes, ...later })
      return { next, raw: Object.assign(new RawBuyer(next), { challenge: raw.challenge, deal: raw.deal }) }
    },
  }
}

const forged = (challenge: Challenge, expiresAtMs: number): Challenge => {
  const { id: _, ...bound } = { ...challenge, expires: formatTime(expiresAtMs) }
  return { id: challengeId(OLD, bound), ...bound }
}

describe('after its secret was replaced a seller', () => {
  test('accepts what it offered before, and finds the agreement of an acceptance that is repeated', async () => {
    const { raw, replace } = await openMarkets()
    await raw.agree([1000n])
    const { next, raw: again } = await replace()
    const accept = { action: 'accept', nonce: NONCE, invoices: [sat(1)] } as const
    const repeated = (await (await again.send(accept)).json()) as {
      agreement: string
      secret: string
      invoices: string[]
    }
    expect(repeated).toMatchObject({ agreement: raw.deal.agreement.id, secret: raw.deal.secret })
    again.pay(...repeated.invoices)
    expect(await readAll(await again.use())).toBe(1000)
    const other = await again.send({ ...accept, nonce: 'ff'.repeat(16) })
    expect(other.status).toBe(200)
    expect((await again.ask()).id).not.toBe(raw.challenge.id)
    expect(next.accounts.size).toBe(2)
  })

  test('goes on with an agreement, and closes it', async () => {
    const { raw, replace } = await openMarkets()
    await raw.agree([2000n])
    raw.pay(...raw.deal.invoices)
    expect(await readAll(await raw.use())).toBe(1000)
    const { raw: again } = await replace()
    expect(await readAll(await again.use())).toBe(1000)
    expect((await again.send({ action: 'close', ...again.proof })).status).toBe(200)
    const wrong = { ...again.proof, secret: 'ab'.repeat(32) }
    expect(await codeOf(await again.send({ action: 'use', ...wrong }))).toBe('agreement-unknown')
  })

  test('takes a token that was paid before, until that is used up or a day old, and then makes a fresh challenge', async () => {
    const { before, replace } = openShops()
    const [first, second] = [offeredBy(await before.ask()), offeredBy(await before.ask({ client: '10.0.0.2' }))]
    const headers = byL402(first, await before.pay(first.invoice()))
    const aged = byL402(second, await before.pay(second.invoice()))
    expect((await before.ask({ headers })).status).toBe(200)
    const shop = await replace()
    expect((await shop.ask({ headers })).status).toBe(200)
    const spent = await shop.ask({ headers })
    expect([spent.status, (await problemOf(spent.clone())).code]).toEqual([402, 'payment-insufficient'])
    expect(offeredBy(spent).l402().token).not.toBe(first.l402().token)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + DAY_MS })
    const late = await shop.ask({ headers: aged })
    expect([late.status, (await problemOf(late.clone())).code]).toEqual([402, 'macaroon-invalid'])
    expect(offeredBy(late).names).toContain('l402')
    expect(shop.served + before.served).toBe(2)
  })

  test('takes a charge and a session that were offered before, whether paid by then or later', async () => {
    const { before, replace, nodes } = openShops()
    const [charge, session] = [offeredBy(await before.ask()), offeredBy(await before.ask({ client: '10.0.0.2' }))]
    const deposit = await before.pay(session.deposit())
    const shop = await replace()
    const preimage = await shop.pay(charge.invoice())
    expect((await shop.ask({ headers: byCharge(charge, preimage) })).status).toBe(200)
    expect((await shop.ask({ headers: byCharge(charge, preimage) })).status, 'once').toBe(402)
    const back = await returnInvoice(nodes.buyer)
    const open = bySession(session, { action: 'open', preimage: deposit, returnInvoice: back })
    expect((await shop.ask({ headers: open })).status).toBe(200)
    const sessionId = session.session().request.paymentHash
    const close = bySession(session, { action: 'close', sessionId, preimage: deposit })
    const closed = async () => (await shop.ask({ headers: close })).json()
    await expect.poll(closed).toMatchObject({ status: 'closed', refundSats: 2, refundStatus: 'succeeded' })
  })

  test('can revoke a token that was made before', async () => {
    const { before, replace } = openShops()
    const offered = offeredBy(await before.ask())
    const headers = byL402(offered, await before.pay(offered.invoice()))
    expect((await before.ask({ headers })).status).toBe(200)
    const shop = await replace()
    expect(await shop.seller.revoke(offered.charge().request.paymentHash!)).toBe(true)
    expect((await shop.ask({ headers })).status).toBe(402)
  })
})

describe('a secret that was replaced', () => {
  test('makes no offer that is good for longer than those were that were made with it', async () => {
    const { raw, replace } = await openMarkets()
    raw.challenge = await raw.ask()
    const replacedAtMs = Date.now()
    const { raw: again } = await replace(replaced(replacedAtMs))
    const accept = (nonce: string) => again.send({ action: 'accept', nonce, invoices: [] })
    again.challenge = forged(again.challenge, replacedAtMs + DAY_MS)
    expect((await accept('01'.repeat(16))).status, 'while those are good').toBe(200)
    vi.useFakeTimers({ toFake: ['Date'], now: replacedAtMs + 302_000 })
    const refused = await accept('02'.repeat(16))
    expect([refused.status, await codeOf(refused)]).toEqual([402, 'challenge-invalid'])
    again.challenge = raw.challenge
    const late = await accept('03'.repeat(16))
    expect(late.status).toBe(402)
    expect(late.headers.get('www-authenticate')).toContain('intent="stream"')
  })

  test('is worth nothing where the seller does not keep it', async () => {
    const { before, replace } = openShops({ secret: NEW })
    const offered = offeredBy(await before.ask())
    const headers = byL402(offered, await before.pay(offered.invoice()))
    expect((await before.ask({ headers })).status).toBe(200)
    const shop = await replace()
    const refused = await shop.ask({ headers })
    expect([refused.status, (await problemOf(refused)).code]).toEqual([402, 'macaroon-invalid'])
  })

  test('has 32 bytes, as each has', () => {
    const short = { secret: NEW, earlierSecrets: [{ secret: new Uint8Array(31), replacedAtMs: 0 }] }
    expect(() => openShop(short)).toThrow(expect.objectContaining({ code: 'option-invalid' }))
  })
})
