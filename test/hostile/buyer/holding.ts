import { LIMITS } from '../../../src/seller/limits.ts'
import { type Attack, sleep } from '../attack.ts'
import { film, inTurns, openShop, workSince } from '../shop.ts'
import { RawBuyer } from '../speaker/buyer.ts'
import { type Answer, nameOf, readBytes } from '../speaker/http.ts'

const NOTHING_LEFT = 2048n * 1024n
/** Memory of one request that waits, or watches, its connection included. */
const WAITING_BYTES = 64n * 1024n

const WAITING = { waiting: 100, waitingPerAgreement: 30 }
const WAITERS = 300
const AGREEMENTS = 10

/** Requests that wait for money that never comes hold a connection each: so many, for the grace, and no longer. */
export const floodWaiting: Attack = {
  name: 'flood-waiting',
  side: 'buyer',
  what: `has ${WAITERS} requests wait at the gates of ${AGREEMENTS} agreements that never pay, and then ${WAITERS} at the gate of one`,
  alone: true,
  async run(stage) {
    // Long enough for all to have come before the first is let go, also on a busy machine: who comes then may wait in its place.
    const shop = await openShop(stage, film({ graceMs: 10_000 }), { limits: WAITING })
    const buyers = await inTurns(AGREEMENTS, 4, () => new RawBuyer(stage.node, shop.url).agree([]))
    const before = await stage.seller.calls.figures(shop.id)
    const held = await stage.seller.calls.held()
    const { tally } = buyers[0]!
    let goods = 0
    /** Returns how many were let in to wait, and so were not told 429. */
    const wait = async (buyerOf: (i: number) => RawBuyer): Promise<bigint> => {
      let waited = 0n
      await inTurns(WAITERS, WAITERS, async (i) => {
        const answer = await buyerOf(i).use()
        if (answer.status !== 429) waited++
        if (answer.status === 200) goods += (await readBytes(answer)).length
        else tally.add(await nameOf(answer))
      })
      return waited
    }
    const waiting = wait((i) => buyers[i % AGREEMENTS]!)
    await sleep(1500)
    const grown = BigInt((await stage.seller.calls.held()) - held)
    const waited = await waiting
    const waitedOnOne = await wait(() => buyers[0]!)
    const { nodeCalls, writes } = await workSince(stage, shop, before)
    for (const buyer of buyers) buyer.end()
    return {
      tries: 2 * WAITERS,
      measure: 'requests that wait',
      loss: waited,
      bound: BigInt(WAITING.waiting),
      also: [
        {
          measure: 'requests that wait on one agreement',
          loss: waitedOnOne,
          bound: BigInt(WAITING.waitingPerAgreement),
        },
        { measure: 'bytes of goods', loss: BigInt(goods), bound: 0n },
        { measure: 'node calls', loss: nodeCalls, bound: 0n },
        { measure: 'writes', loss: writes, bound: 0n },
        { measure: 'bytes held', loss: grown, bound: NOTHING_LEFT + BigInt(WAITING.waiting) * WAITING_BYTES },
      ],
      answers: tally.counts,
    }
  },
}

const WATCHERS = 200

/** A control channel costs a timer each; an agreement needs one. */
export const floodWatchers: Attack = {
  name: 'flood-watchers',
  side: 'buyer',
  what: `follows the statements of one unpaid agreement over ${WATCHERS} connections and reads none of them`,
  alone: true,
  async run(stage) {
    const shop = await openShop(stage)
    const buyer = await new RawBuyer(stage.node, shop.url).agree([])
    const before = await stage.seller.calls.figures(shop.id)
    const held = await stage.seller.calls.held()
    const stop = new AbortController()
    const answers: Answer[] = await inTurns(WATCHERS, 50, () =>
      buyer.send({ action: 'watch', ...buyer.proof }, undefined, stop.signal),
    )
    for (const { status } of answers) buyer.tally.add(`${status}`)
    await sleep(500)
    const grown = BigInt((await stage.seller.calls.held()) - held)
    const { nodeCalls, writes } = await workSince(stage, shop, before)
    stop.abort()
    buyer.end()
    const most = BigInt(LIMITS.watchesPerAgreement)
    return {
      tries: WATCHERS,
      measure: 'watches at once',
      loss: BigInt(buyer.tally.counts['200'] ?? 0),
      bound: most,
      also: [
        { measure: 'node calls', loss: nodeCalls, bound: 0n },
        { measure: 'writes', loss: writes, bound: 0n },
        { measure: 'bytes held', loss: grown, bound: NOTHING_LEFT + most * WAITING_BYTES },
      ],
      answers: buyer.tally.counts,
    }
  },
}
