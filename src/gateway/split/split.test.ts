import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createBuyer } from '../../buyer/buyer.ts'
import { openLedger } from '../../ledger/index.ts'
import { temporaryFolder } from '../../ledger/testing/temporary.ts'
import { ScriptedNode, scriptedPair } from '../../lightning/testing/scripted.ts'
import { serve } from '../../seller/adapters/node.ts'
import { checkConfig } from '../config/read.ts'
import type { GatewayConfigInput } from '../config/schema.ts'
import { Gateway, type GatewayEvent } from '../gateway.ts'
import { PayoutStore } from './store.ts'

/* A gateway whose routes are split, on scripted nodes: 100 bytes at 1 sat each. */
const folder = temporaryFolder()
let number = 0
let path: string
let nodes: ReturnType<typeof scriptedPair>
let creator: ScriptedNode
let events: GatewayEvent[]
const ends: Array<() => unknown> = []

beforeEach(() => {
  path = `${folder()}/shop-${number++}`
  nodes = scriptedPair()
  creator = new ScriptedNode()
  nodes.seller.peers.push(creator)
  events = []
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

type Shares = Readonly<Record<string, string>>
const config = (split: Shares | undefined, more: Partial<GatewayConfigInput> = {}) =>
  checkConfig({
    recipients: { creator: { node: 'creator', threshold: '1 sat', interval: '1ms' } },
    routes: [{ name: 'films', upstream: 'http://127.0.0.1:9', price: '1 sat/byte', ...(split && { split }) }],
    ...more,
  })
const HALF = { platform: '50%', creator: '50%' }
const TENTH = { platform: '10%', creator: '90%' }

async function open(first: ReturnType<typeof config>, handler = () => new Response('x'.repeat(100))) {
  const secret = randomBytes(32)
  const ledger = openLedger(`${path}.db`)
  const gateway = await Gateway.open(
    first,
    {
      openSeller: async () => ({ node: nodes.seller, ledger, secret, payouts: `${path}-payouts.db` }),
      openRecipient: async () => creator,
      sources: [() => handler],
    },
    (event) => void events.push(event),
  )
  const server = await serve((request) => gateway.handle(request), { port: 0 })
  const close = async () => {
    await server.close(0)
    await gateway.close()
    await ledger.end()
  }
  ends.push(close)
  return { gateway, url: server.url }
}

function buyer() {
  const made = createBuyer({ node: nodes.buyer, max: '10000 sat', ahead: '30 sat' })
  ends.push(() => made.close({ keep: true }))
  return made
}

const arrived = () => creator.settlements.reduce((sum, { amount }) => sum + amount, 0n)
async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds() && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(holds()).toBe(true)
}
const standings = () => {
  const store = new PayoutStore(`${path}-payouts.db`)
  try {
    return Object.fromEntries(store.standings().map(({ recipient, earned, kept }) => [recipient, { earned, kept }]))
  } finally {
    store.close()
  }
}

it('what a route delivers is divided, and the creator’s part arrives at the creator’s node', async () => {
  const { url, gateway } = await open(config(TENTH))
  const one = buyer()
  await (await one.fetch(url)).text()
  await one.close()
  await until(() => arrived() === 90_000n)
  // The creator's node knows of it before ours has told the gateway.
  await until(() => events.some(({ type }) => type === 'payout-settled'))
  expect(gateway.recipients).toEqual(
    expect.arrayContaining([
      { recipient: 'creator', earned: 90_000n, paid: 90_000n, kept: false },
      { recipient: 'platform', earned: 10_000n, paid: 0n, kept: true },
    ]),
  )
  expect(standings()).toEqual({
    creator: { earned: 90_000n, kept: false },
    platform: { earned: 10_000n, kept: true },
  })
})

it('what was bought on credit is divided when it is paid', async () => {
  const routes = [
    { name: 'films', upstream: 'http://127.0.0.1:9', price: '1 sat/byte', credit: '100 sat', split: HALF },
  ]
  const { url, gateway } = await open(config(undefined, { routes }))
  const one = buyer()
  await (await one.fetch(url)).text()
  // Not closed: what is paid last settles when nothing is delivered any more.
  const [account] = (await gateway.seller).accounts.inMemory.values()
  await until(() => account!.gate.paid >= 100_000n)
  await until(() => standings().creator?.earned === 50_000n)
})

it('of a delivery that a close cuts off what the closing statement charges is divided', async () => {
  let part = 0
  const slow = () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          controller.enqueue(new Uint8Array(7).fill(part++))
        },
      }),
    )
  const { url } = await open(config(HALF), slow)
  const one = buyer()
  const readers = await Promise.all(
    [0, 1, 2].map(async () => {
      const reader = (await one.fetch(url)).body!.getReader()
      for (let count = 0; count < 3; count++) await reader.read()
      return reader
    }),
  )
  const [closing] = await one.close()
  for (const reader of readers) await reader.cancel().catch(() => {})
  const charged = closing!.statement.delivered
  expect(charged).toBeGreaterThanOrEqual(63_000n)
  await until(() => (standings().creator?.earned ?? 0n) + (standings().platform?.earned ?? 0n) === charged)
})

it('an agreement keeps the split that it was made under; later ones are divided by the new one alone', async () => {
  const { url, gateway } = await open(config(HALF))
  const early = buyer()
  await (await early.fetch(url)).text()
  await gateway.reload(config(TENTH))
  await (await early.fetch(url)).text()
  await early.close()
  await until(() => arrived() === 100_000n)
  const late = buyer()
  await (await late.fetch(url)).text()
  await late.close()
  // 90 of the second hundred, and not what would bring the whole to nine tenths.
  await until(() => arrived() === 190_000n)
  expect(standings().platform?.earned).toBe(110_000n)
})

it('a route that is split while it sells divides new agreements only, and one that is split no more keeps old promises', async () => {
  const { url, gateway } = await open(config(undefined))
  const before = buyer()
  await (await before.fetch(url)).text()
  await gateway.reload(config(TENTH))
  await (await before.fetch(url)).text()
  await before.close()
  expect(standings()).toEqual({})
  const during = buyer()
  await (await during.fetch(url)).text()
  await gateway.reload(config(undefined))
  await (await during.fetch(url)).text()
  await during.close()
  await until(() => arrived() === 180_000n)
})

it('what is owed to a recipient that is gone stays owed, and is paid when it is back', async () => {
  const away = new Error('away')
  creator.createInvoices = () => Promise.reject(away)
  const { url, gateway } = await open(config(TENTH))
  const one = buyer()
  await (await one.fetch(url)).text()
  await one.close()
  await until(() => events.some(({ type }) => type === 'error'))
  await gateway.reload(config(undefined, { recipients: {} }))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(standings().creator).toEqual({ earned: 90_000n, kept: false })
  creator.createInvoices = ScriptedNode.prototype.createInvoices
  await gateway.reload(config(TENTH))
  await until(() => arrived() === 90_000n)
  // A wallet that is away is told of once, however often it was tried.
  expect(events.filter(({ type }) => type === 'error')).toHaveLength(1)
})

it('where nobody keeps a book a split is refused, and the configuration stays', async () => {
  const opening = Gateway.open(config(TENTH), {
    openSeller: async () => ({ node: nodes.seller }),
    openRecipient: async () => creator,
    sources: [() => () => new Response('x')],
  })
  await expect(opening).rejects.toMatchObject({ code: 'config-invalid' })
})

it('a node that is named twice is one seller', async () => {
  const routes = [
    { name: 'a', path: '/a', upstream: 'http://127.0.0.1:9', price: '1 sat/byte', split: TENTH },
    {
      name: 'b',
      path: '/b',
      upstream: 'http://127.0.0.1:9',
      price: '1 sat/byte',
      payee: { node: 'same' },
      split: HALF,
    },
  ]
  const { url, gateway } = await open(config(undefined, { routes }))
  expect(gateway.routes[0]?.seller).toBe(gateway.routes[1]?.seller)
  const one = buyer()
  await (await one.fetch(`${url}/a`)).text()
  await (await one.fetch(`${url}/b`)).text()
  await one.close()
  await until(() => arrived() === 140_000n)
})
