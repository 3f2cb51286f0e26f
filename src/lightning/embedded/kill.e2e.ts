import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sat, ZERO } from '../../money/msat.ts'
import type { Invoice, PaymentOutcome } from '../node.ts'
import { seededRandom } from './testing/random.ts'
import { type RemoteNode, startRemoteNode } from './testing/remote.ts'

/** More of them is what finds rare orders of events: `KILL_ROUNDS=200 npm test`. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 10)
/** When each kill comes: `KILL_SEED` of an earlier run gives its instants again, though not what the nodes do in between. */
const random = seededRandom('KILL_SEED')
const OPENINGS = Math.ceil(ROUNDS / 2)
const IN_FLIGHT = 8
const PER_ROUND = 40
const TIMEOUT_MS = 20_000
const AMOUNT = sat(7)

let home: string
let seller: RemoteNode
let buyer: RemoteNode

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'streampay-kill-'))
  ;[seller, buyer] = await Promise.all([startRemoteNode(home, 'seller'), startRemoteNode(home, 'buyer')])
})

afterEach(async () => {
  await Promise.all([seller.kill(), buyer.kill()])
  rmSync(home, { recursive: true, force: true })
})

it(
  `loses neither a channel nor a payment to SIGKILL, ${ROUNDS} times, KILL_SEED=${random.seed}`,
  async () => {
    await buyer.node.openChannelTo((await seller.node.info()).publicKey)
    const [channel] = await seller.node.channels()
    const invoices: Invoice[] = []
    const told = new Map<string, PaymentOutcome>()
    for (let round = 0; round < ROUNDS; round++) {
      const made = await seller.node.createInvoices(
        Array.from({ length: PER_ROUND }, () => ({ amount: AMOUNT, description: '', expiresInSeconds: 3600 })),
      )
      invoices.push(...made)
      await Promise.race([load(made, told), new Promise((resolve) => setTimeout(resolve, random.next() * 600))])
      await killSome(round)
      expect(seller.logs.filter(isAlarming)).toEqual([])
      expect(buyer.logs.filter(isAlarming)).toEqual([])
    }

    // Whatever was still open becomes final once both run: asking again neither pays twice nor fails to pay.
    const outcomes = new Map<string, PaymentOutcome>()
    for (const { request, paymentHash } of invoices) {
      const known = await buyer.node.lookupPayment(paymentHash)
      if (!known) continue
      outcomes.set(paymentHash, await buyer.node.pay({ request, maxFee: ZERO, timeoutMs: TIMEOUT_MS }))
    }
    for (const [hash, outcome] of told) if (outcome.status === 'settled') expect(outcomes.get(hash)).toEqual(outcome)
    const paid = [...outcomes].filter(([, { status }]) => status === 'settled').map(([hash]) => hash)
    expect([...outcomes.values()].every(({ status }) => status === 'settled' || status === 'failed')).toBe(true)
    await until(() => seller.settlements.length >= paid.length)
    expect(seller.settlements.map(({ paymentHash }) => paymentHash).toSorted()).toEqual(paid.toSorted())

    const [left, ...others] = await seller.node.channels()
    expect(others).toEqual([])
    expect(left).toMatchObject({ id: channel!.id, usable: true })
    expect(channel!.canReceive - left!.canReceive).toBe(AMOUNT * BigInt(paid.length))
    expect(paid.length).toBeGreaterThan(0)
  },
  30_000 + ROUNDS * 10_000,
)

it(
  `finishes or forgets a channel whose opening SIGKILL cut short, ${OPENINGS} times, KILL_SEED=${random.seed}`,
  async () => {
    const { publicKey } = await seller.node.info()
    for (let round = 0; round < OPENINGS; round++) {
      // Each round the buyer is a new node, with no channel yet.
      if (round > 0) {
        await buyer.kill()
        buyer = await startRemoteNode(home, `buyer-${round}`)
      }
      const name = round === 0 ? 'buyer' : `buyer-${round}`
      buyer.node.openChannelTo(publicKey).catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, random.next() * 300))
      if (round % 2) {
        await seller.kill()
        seller = await startRemoteNode(home, 'seller')
      } else {
        await buyer.kill()
        buyer = await startRemoteNode(home, name)
      }
      const [invoice] = await seller.node.createInvoices([{ amount: AMOUNT, description: '', expiresInSeconds: 3600 }])
      const outcome = await buyer.node.pay({ request: invoice!.request, maxFee: ZERO, timeoutMs: TIMEOUT_MS })
      expect(outcome, `round ${round}`).toMatchObject({ status: 'settled' })
    }
  },
  30_000 + OPENINGS * 15_000,
)

const isAlarming = (line: string): boolean => /closed|corrupt|refuses|stopped|force/i.test(line)

async function load(invoices: readonly Invoice[], told: Map<string, PaymentOutcome>): Promise<void> {
  const rest = [...invoices]
  const { node } = buyer
  const payAll = async () => {
    for (let next = rest.pop(); next; next = rest.pop()) {
      told.set(next.paymentHash, await node.pay({ request: next.request, maxFee: ZERO, timeoutMs: TIMEOUT_MS }))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, payAll))
}

/** Kills the buyer, the seller, or both, and starts them again. What the seller had told it must still hold. */
async function killSome(round: number): Promise<void> {
  const before = [...seller.settlements]
  const victims = round % 3
  await Promise.all([victims !== 0 && seller.kill(), victims !== 1 && buyer.kill()])
  if (victims !== 0) seller = await startRemoteNode(home, 'seller')
  if (victims !== 1) buyer = await startRemoteNode(home, 'buyer')
  await until(async () => (await buyer.node.channels()).every(({ usable }) => usable))
  await until(() => seller.settlements.length >= before.length)
  expect(seller.settlements.slice(0, before.length)).toEqual(before)
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; !(await holds()); ) {
    if (Date.now() > deadline) throw new Error('it did not come about')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
