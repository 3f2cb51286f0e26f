import type { Rate } from '../../../src/seller/buckets.ts'
import type { SellerLimits } from '../../../src/seller/limits.ts'
import { type Attack, mustBe } from '../attack.ts'
import { film, inTurns, openShop, workSince } from '../shop.ts'
import { RawBuyer } from '../speaker/buyer.ts'
import { Line, nameOf, ownAddress, readBytes } from '../speaker/http.ts'
import type { Stage } from '../stage.ts'

const KIBI = 1024n
/** What a process may hold more after a flood that leaves nothing behind: caches and compiled code. */
const NOTHING_LEFT = 2048n * KIBI
const ASKS = 6000
const OPENINGS = 600
/** Memory of one agreement with its account. */
const AGREEMENT_BYTES = 16n * KIBI

/** What anybody may do for nothing must cost next to nothing. */
export const flood402: Attack = {
  name: 'flood-402',
  side: 'buyer',
  what: `asks ${ASKS} times for the price, over 32 connections, with headers of 4 KiB`,
  alone: true,
  async run(stage) {
    const shop = await openShop(stage)
    const buyer = new RawBuyer(stage.node, shop.url)
    const headers = { 'x-filling': 'x'.repeat(4096) }
    const ask = async () => {
      const answer = await buyer.line.send(shop.url, { headers })
      buyer.tally.add(`${answer.status}`)
      await readBytes(answer)
    }
    await inTurns(200, 32, ask)
    const before = await stage.seller.calls.figures(shop.id)
    const held = await stage.seller.calls.held()
    await inTurns(ASKS, 32, ask)
    buyer.end()
    const { nodeCalls, writes } = await workSince(stage, shop, before)
    const grown = BigInt((await stage.seller.calls.held()) - held)
    return {
      tries: ASKS,
      measure: 'node calls',
      loss: nodeCalls,
      bound: 0n,
      also: [
        { measure: 'writes', loss: writes, bound: 0n },
        { measure: 'bytes held', loss: grown, bound: NOTHING_LEFT },
      ],
      answers: buyer.tally.counts,
    }
  },
}

const SECOND_MS = 1000
/** What a rate lets through in so long a time. */
const allowed = ({ burst, perSecond }: Rate, sinceMs: number): bigint =>
  BigInt(burst + Math.ceil(((performance.now() - sinceMs) / SECOND_MS) * perSecond))

/** Opens agreements with an invoice each and pays none; returns how many were opened, at what cost. */
async function openMany(stage: Stage, limits: Partial<SellerLimits>, times: number, lineOf: (i: number) => Line) {
  const shop = await openShop(stage, film(), { limits, maxUnpaidAgreements: times })
  const buyer = new RawBuyer(stage.node, shop.url)
  buyer.challenge = await buyer.ask()
  const before = await stage.seller.calls.figures(shop.id)
  const held = await stage.seller.calls.held()
  const startedAt = performance.now()
  let opened = 0n
  await inTurns(times, 24, async (i) => {
    const line = lineOf(i)
    const stranger = Object.assign(new RawBuyer(stage.node, shop.url, line), { challenge: buyer.challenge })
    const answer = await stranger.accept([1000n])
    if (answer.status === 200) opened++
    else if (answer.status === 429) mustBe(answer.headers['retry-after'] !== undefined, 'a 429 without Retry-After')
    buyer.tally.add(await nameOf(answer))
  })
  mustBe(opened > 0n, 'nobody was let in')
  const { nodeCalls } = await workSince(stage, shop, before)
  const grown = BigInt((await stage.seller.calls.held()) - held)
  return { shop, opened, nodeCalls, grown, startedAt, answers: buyer.tally.counts }
}

const STRANGER: Rate = { burst: 60, perSecond: 1 }

/** One address has its own share of what strangers may cause, and the others have theirs. */
export const floodFromOne: Attack = {
  name: 'flood-openings',
  side: 'buyer',
  what: `opens ${OPENINGS} agreements from one address, each with an invoice, and pays none; then another address comes to buy`,
  alone: true,
  async run(stage) {
    const line = new Line(ownAddress())
    const { shop, opened, nodeCalls, startedAt, answers } = await openMany(
      stage,
      { strangerRate: STRANGER },
      OPENINGS,
      () => line,
    )
    const bound = allowed(STRANGER, startedAt)
    line.end()
    const honest = new RawBuyer(stage.node, shop.url)
    honest.challenge = await honest.ask()
    const { status } = await honest.accept([1000n])
    return {
      tries: OPENINGS,
      measure: 'agreements opened',
      loss: opened,
      bound,
      also: [
        { measure: 'node calls', loss: nodeCalls, bound },
        { measure: 'others refused', loss: status === 200 ? 0n : 1n, bound: 0n },
      ],
      answers,
    }
  },
}

const STRANGERS: Rate = { burst: 150, perSecond: 2 }

/** Addresses are cheap: all strangers together have a share too. */
export const floodFromMany: Attack = {
  name: 'flood-openings-distributed',
  side: 'buyer',
  what: `opens ${OPENINGS} agreements from as many addresses, each with an invoice, and pays none`,
  alone: true,
  async run(stage) {
    const lines = Array.from({ length: OPENINGS }, () => new Line(ownAddress()))
    const { opened, nodeCalls, grown, startedAt, answers } = await openMany(
      stage,
      { strangersRate: STRANGERS },
      OPENINGS,
      (i) => lines[i]!,
    )
    const bound = allowed(STRANGERS, startedAt)
    for (const line of lines) line.end()
    return {
      tries: OPENINGS,
      measure: 'agreements opened',
      loss: opened,
      bound,
      also: [
        { measure: 'node calls', loss: nodeCalls, bound },
        { measure: 'bytes held', loss: grown, bound: NOTHING_LEFT + bound * AGREEMENT_BYTES },
      ],
      answers,
    }
  },
}

const ORDERS = 120

/** More invoices than an agreement may have open, asked for at once, so that no request sees those of the others. */
export const floodInvoices: Attack = {
  name: 'flood-invoices',
  side: 'buyer',
  what: `asks ${ORDERS} times at once for 16 invoices each, on an agreement that paid nothing`,
  async run(stage) {
    const shop = await openShop(stage)
    const buyer = await new RawBuyer(stage.node, shop.url).agree([])
    const before = await stage.seller.calls.figures(shop.id)
    await inTurns(ORDERS, ORDERS, async () => void (await buyer.invoices(Array.from({ length: 16 }, () => 1000n))))
    const { nodeCalls } = await workSince(stage, shop, before)
    mustBe(buyer.given.size > 0, 'the seller makes no invoices')
    return {
      tries: ORDERS,
      measure: 'open invoices',
      loss: BigInt(buyer.given.size),
      bound: 16n,
      also: [{ measure: 'node calls', loss: nodeCalls, bound: 16n }],
      answers: buyer.tally.counts,
    }
  },
}

const CLOSES = 150

/** A closing statement is signed by the node: once for an agreement, however often it is asked for. */
export const floodCloses: Attack = {
  name: 'flood-closes',
  side: 'buyer',
  what: `closes an agreement that paid nothing ${CLOSES} times at once, half of them claiming a payment that never was`,
  async run(stage) {
    const shop = await openShop(stage)
    const buyer = await new RawBuyer(stage.node, shop.url).agree([])
    const before = await stage.seller.calls.figures(shop.id)
    const statements = new Set<string>()
    await inTurns(CLOSES, CLOSES, async (i) => {
      const paid = i % 2 === 0 ? {} : { paid: 1_000_000n as never }
      const json = await buyer.act({ action: 'close', ...buyer.proof, ...paid })
      if (json) statements.add(JSON.stringify(json))
    })
    mustBe(statements.size > 0, 'the agreement could not be closed')
    const { nodeCalls } = await workSince(stage, shop, before)
    return {
      tries: CLOSES,
      measure: 'node calls',
      loss: nodeCalls,
      bound: 1n,
      also: [{ measure: 'statements that differ', loss: BigInt(statements.size - 1), bound: 0n }],
      answers: buyer.tally.counts,
    }
  },
}
