import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createEmbeddedNode } from '../../../src/lightning/embedded/index.ts'
import { createLndNode } from '../../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../../src/lightning/node.ts'
import { Listener } from './listener.ts'
import { Member } from './member.ts'
import type { MemberResult, NodeOrder, RunOrder, RunResult, Tick } from './orders.ts'
import { Payments } from './payments.ts'
import { Viewer } from './viewer.ts'

/* Buyers and viewers, each with an agreement of its own, on one node. */

/** Of the time to join. */
const JOINED = 0.7

const order = await new Promise<RunOrder>((resolve) => process.once('message', resolve))
process.on('disconnect', () => process.exit())
const shared = order.paid && (await open(order.paid.node))
const startedAt = performance.now()
const payments = new Payments(startedAt)
const node = shared && payments.noting(shared)
const lag = monitorEventLoopDelay({ resolution: 10 })

const all = Array.from({ length: order.buyers + order.viewers }, (_, number) => {
  const paying = node && order.paid && { node, ahead: order.paid.ahead }
  const member = new Member(number, paying)
  return number < order.buyers ? new Listener(member, order) : new Viewer(member, order)
})
const done = Promise.all(
  all.map(async (one, i) => {
    // The film's viewers among the model's buyers, and the last of them a little before all are taken to be there.
    await sleep((order.joinMs * JOINED * placeOf(i)) / all.length)
    await one.run()
  }),
)
const ticking = setInterval(() => process.send?.({ tick: tick() }), 1000)

await sleep(order.joinMs)
lag.enable()
const fromMs = performance.now() - startedAt
process.send?.({ measuring: true })
const before = all.map(({ got }) => got)
const joining = all.map(({ stalls }) => stalls.take())
await sleep(order.seconds * 1000)
const toMs = performance.now() - startedAt
const got = all.map((one, i) => one.got - before[i]!)
const lagMs = lag.percentile(99) / 1e6
process.send?.({ measuring: false })
for (const one of all) one.leave()
const stalls = all.map((one) => one.stalls.take())
await done
// Not all at the same moment: closing is no part of what is measured, and asks the node for much.
const members: MemberResult[] = []
for (const [i, one] of all.entries()) {
  const { kind, firstMs } = one
  const trade = await one.member.close()
  const { error } = one.member
  members.push({
    kind,
    got: got[i]!,
    firstMs,
    stalls: stalls[i]!,
    joining: joining[i]!,
    ...(error !== undefined && { error }),
    ...(trade && { trade }),
  })
}
clearInterval(ticking)
await shared?.close()
const paid = await Promise.all(all.map(async ({ member }) => payments.of(await member.journal.payments())))
const result: RunResult = { members, payments: paid.flat(), returns: payments.returns, fromMs, toMs, lagMs }
process.send?.({ result }, () => process.exit())

/** Viewers come spread over the buyers, and not after them. */
function placeOf(number: number): number {
  const { buyers, viewers } = order
  if (number < buyers) return number * (all.length / Math.max(1, buyers))
  return (number - buyers) * (all.length / Math.max(1, viewers))
}

function tick(): Tick {
  return {
    tokens: sum(all.map(({ kind, got }) => (kind === 'buyer' ? got : 0))),
    playMs: sum(all.map(({ kind, got }) => (kind === 'viewer' ? got : 0))),
    payments: payments.settled,
    paid: all.reduce((sum, { member }) => sum + member.paid, 0n),
    reading: all.filter(({ reading }) => reading).length,
    stalls: sum(all.map(({ stalls }) => stalls.count)),
    held: sum(all.map(({ member }) => member.held)),
    inFlight: payments.inFlight,
    failed: all.filter(({ member }) => member.error !== undefined).length,
  }
}

async function open(of: NodeOrder): Promise<LightningNode> {
  if (of.kind === 'lnd') return createLndNode(of.options)
  const embedded = await createEmbeddedNode({ home: of.home, name: of.name })
  await embedded.openChannelTo(of.payee)
  return embedded
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
