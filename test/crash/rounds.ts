import { readBuyerBooks } from '../soak/audit/books.ts'
import { gather } from '../soak/audit/evidence.ts'
import { judge, type Verdict } from '../soak/audit/verdict.ts'
import type { Actor } from '../soak/world/actor.ts'
import type { Backend } from '../soak/world/backend.ts'
import { sleep } from '../soak/world/clock.ts'
import { readLog } from '../soak/world/log.ts'
import { type Random, random } from '../soak/world/random.ts'
import { play } from '../soak/world/stage.ts'
import type { Wants, World } from '../soak/world/world.ts'

export interface CrashReport {
  readonly verdict: Verdict
  /** What is wrong; empty if all is well. */
  readonly reasons: readonly string[]
  /** How often a stream went on with the agreement that it had, and with another one because that one held too little. */
  readonly resumed: number
  readonly renewed: number
  /** Payments that were under way when their buyer was killed, and that it followed to their end. */
  readonly followed: number
}

const WANTS: readonly Wants[] = [{ ahead: '10 sat', goods: ['bytes', 'tokens', 'seconds', 'requests'] }]
const LOAD_MS = { least: 50, most: 1000 }
const DOWN_MS = { least: 0, most: 400 }
const PATIENCE_MS = 60_000
/** What LND calls in flight for good gets no outcome, and nothing here depends on it: a moment is enough for the others. */
const OUTCOME_MS = { embedded: 60_000, lnd: 3_000 }

/**
 * Kills seller, buyer, nodes or several of them at random instants under load, `rounds` times, and after every restart holds the
 * books against the nodes and waits for every stream to go on. At the end everything is closed and judged as a soak is.
 */
export function crashRounds(
  nodes: (folder: string) => Backend | Promise<Backend>,
  { rounds, seed }: { readonly rounds: number; readonly seed: number },
): Promise<CrashReport> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  return play({ seed, wants: WANTS, nodes, say }, (world) => run(world, rounds, random(seed)))
}

async function run(world: World, rounds: number, by: Random): Promise<CrashReport> {
  const before = await world.backend.balances(world)
  await world.begin()
  const reasons = await world.goesOn(PATIENCE_MS)
  const counts = { resumed: 0, renewed: 0, followed: 0 }
  for (let round = 0; round < rounds && reasons.length === 0; round++) {
    await sleep(by.whole(LOAD_MS.least, LOAD_MS.most))
    const found = await crash(world, by, counts)
    reasons.push(...found.map((reason) => `round ${round}: ${reason}`))
    if (process.env.KILL_ROUNDS) process.stderr.write(`round ${round + 1} of ${rounds}\n`)
  }
  await world.finish()
  const after = await world.backend.balances(world)
  await world.close()
  const evidence = await gather(world, before, after)
  const judged = judge(evidence, { world, standing: reasons, faults: {}, seed: 0, minutes: 0 })
  return { ...counts, verdict: judged.verdict, reasons: judged.reasons }
}

/** One kill, restart and look. Returns what is wrong. */
async function crash(world: World, by: Random, counts: { resumed: number; renewed: number; followed: number }) {
  const { actors, daemons } = choose(world, by)
  const used = new Map([...world.wire.delivered].map(([id, { answers, good }]) => [id, { answers, good }]))
  await Promise.all([world.kill(actors), world.killDaemons(daemons)])
  const underWay = actors.filter((actor) => actor !== world.seller).flatMap(askedWithoutAnswer)
  await sleep(by.whole(DOWN_MS.least, DOWN_MS.most))
  await Promise.all([world.restart(actors), ...daemons.map((name) => world.backend.startDaemon(name))])
  const reasons = await world.goesOn(PATIENCE_MS)
  const goods = new Set([...used.values()].map(({ good }) => good))
  for (const [id, { answers, good }] of world.wire.delivered) {
    if (used.has(id) && answers > used.get(id)!.answers) counts.resumed++
    else if (!used.has(id) && goods.has(good)) counts.renewed++
  }
  const open = await withoutOutcome(world, underWay)
  // What LND calls in flight for good stays open, and the judge asks it at the end (see the soak's README).
  if (world.backend.kind === 'embedded') reasons.push(...open.map((hash) => `payment ${hash}: no outcome`))
  counts.followed += underWay.length - open.length
  return [...reasons, ...(await compareBooks(world))]
}

/** Waits until the journals know how these payments ended. Returns those of which they do not. */
async function withoutOutcome({ buyers, backend }: World, hashes: readonly string[]): Promise<string[]> {
  for (const end = Date.now() + OUTCOME_MS[backend.kind]; ; await sleep(100)) {
    const payments = new Map(buyers.flatMap(({ order }) => [...readBuyerBooks(order.folder).payments]))
    const open = hashes.filter((hash) => !/^(settled|failed)$/.test(payments.get(hash)?.status ?? ''))
    if (open.length === 0 || Date.now() > end) return open
  }
}

/** Seller, buyer or both; where nodes are processes of their own, those as well, or instead. */
function choose({ seller, buyers, backend }: World, by: Random) {
  const buyer = by.pick(buyers)
  const actors: readonly Actor[] = by.pick([[seller], [buyer], [seller, buyer]])
  if (backend.daemons.length === 0) return { actors, daemons: [] }
  const daemons = by.pick([[by.pick(backend.daemons)], backend.daemons])
  return by.pick([
    { actors, daemons: [] },
    { actors: [], daemons },
    { actors, daemons },
  ])
}

/** Payments that a buyer's node was asked for, and of which it had not said how they ended. */
function askedWithoutAnswer({ log }: Actor): string[] {
  const open = new Set<string>()
  for (const note of readLog(log)) {
    if (note.is === 'ask') open.add(note.hash)
    else if (note.is === 'end') open.delete(note.hash)
  }
  return [...open]
}

/** What the ledger says was paid for each agreement, against what the seller's node settled up to the same instant. */
async function compareBooks({ seller, buyers, wire }: World): Promise<string[]> {
  const { index, paid, settlements } = await seller.ask('books', [...wire.delivered.keys()])
  const payments = new Map(buyers.flatMap(({ order }) => [...readBuyerBooks(order.folder).payments]))
  const reasons: string[] = []
  const settled = new Map<string, bigint>()
  for (const one of settlements) {
    if (BigInt(one.index) > BigInt(index)) continue
    const agreement = payments.get(one.hash)?.agreement
    if (agreement === undefined) reasons.push(`settlement ${one.hash} is in no journal`)
    else settled.set(agreement, (settled.get(agreement) ?? 0n) + BigInt(one.amount))
  }
  for (const [id, total] of Object.entries(paid)) {
    const came = settled.get(id) ?? 0n
    if (came !== BigInt(total)) reasons.push(`agreement ${id}: the ledger has ${total}, the node settled ${came} msat`)
  }
  return reasons
}
