import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { Member } from './member.ts'
import { type BuyersOrder, type BuyersResult, type PaymentResult, REFUSALS, type Tick } from './orders.ts'

/* All buyers, each with its own limit, strategy and journal, on one node. */

/** For what is being read when the time is up, and for closing. */
const END_MS = 120_000
const SETTLE_MS = 120_000
/** Closings at once: each has two nodes work. */
const AT_ONCE = 8

const order = await next<BuyersOrder>()
process.on('disconnect', () => process.exit())
const node = await createEmbeddedNode({ home: order.home, name: 'buyers' })
const returns = new Map<string, bigint>()
node.subscribeSettlements(
  0n,
  ({ paymentHash, amount }) => void returns.set(paymentHash, amount),
  () => {},
)
for (const { payee } of order.sellers) await node.openChannelTo(payee)
const members = Array.from({ length: order.buyers }, (_, number) => new Member(number, order, node))
const ticking = setInterval(() => process.send?.({ tick: tick() }), 1000)

process.send?.({ begun: true })
const untilMs = performance.now() + order.seconds * 1000
await within(untilMs - performance.now() + END_MS, members, (member) => member.run(untilMs), members.length)
process.send?.({ over: true })
await next()
// The sellers are back, whoever was gone.
await within(SETTLE_MS, members, (member) => member.close(), AT_ONCE)
let open = 0
await within(
  SETTLE_MS,
  members,
  async (member) => {
    open += await member.settle()
  },
  AT_ONCE,
)
clearInterval(ticking)
const payments: PaymentResult[] = []
for (const { journal } of members) {
  for (const { paymentHash, amount, status } of await journal.payments()) {
    if (status !== 'failed') payments.push({ paymentHash, amount })
  }
}
const result: BuyersResult = {
  buyers: await Promise.all(members.map((member) => member.result())),
  payments,
  returns: [...returns].map(([paymentHash, amount]) => ({ paymentHash, amount })),
  open,
}
await node.close()
process.send?.({ result }, () => process.exit())

/** All do it, so many at once; who is not done after a time is stuck. */
async function within(ms: number, all: readonly Member[], task: (member: Member) => Promise<void>, atOnce: number) {
  const waiting = new Set(all)
  const queue = [...all]
  const work = async () => {
    for (let member = queue.shift(); member; member = queue.shift()) {
      await task(member).catch((error: Error) => {
        member.stuck ??= error.message
      })
      waiting.delete(member)
    }
  }
  const time = new Promise((resolve) => setTimeout(resolve, ms).unref())
  await Promise.race([Promise.all(Array.from({ length: atOnce }, work)), time])
  for (const member of waiting) member.stuck ??= `not done after ${Math.round(ms)} ms`
}

function tick(): Tick {
  const sum = (of: (member: Member) => number) => members.reduce((total, member) => total + of(member), 0)
  const ended = (member: Member, refused: boolean) =>
    [...member.ends].reduce((total, [code, times]) => total + (REFUSALS.includes(code) === refused ? times : 0), 0)
  return {
    requests: sum(({ requests }) => requests),
    refused: sum((member) => ended(member, true)),
    failed: sum((member) => ended(member, false)),
    agreements: sum(({ agreements }) => agreements),
    reading: sum(({ reading }) => Number(reading)),
  }
}

function next<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', resolve as (message: unknown) => void))
}
