import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { createAgentServer } from '../../src/cli/mcp/server.ts'
import { AgentSession, type Allowed } from '../../src/cli/mcp/session.ts'
import { MemoryJournal } from '../../src/ledger/memory/journal.ts'
import type { PayingNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { parsePrice } from '../../src/money/price.ts'
import { SCHEME_NAMES } from '../../src/wire/challenges.ts'
import { type LightningReceipt, lightningReceipt } from '../../src/wire/mpp/receipt.ts'
import { SessionShop } from '../prepaid/sessionShop.ts'
import { Shop } from '../prepaid/shop.ts'
import { Agent } from './agent.ts'

const home = mkdtempSync(join(tmpdir(), 'streampay-mcp-'))
process.env.STREAMPAY_HOME = join(home, 'state')
afterAll(() => rmSync(home, { recursive: true, force: true }))

const sessions: AgentSession[] = []
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

function agentOf(node: PayingNode, allowed: Partial<Allowed> = {}): Promise<Agent> {
  const all: Allowed = {
    ...{ max: sat(200), maxPrice: [], ahead: sat(8), schemes: SCHEME_NAMES, maxRisk: sat(50) },
    ...{ maxFeePercent: 3, isInsecure: false, isPrivateAllowed: true },
    ...allowed,
  }
  const session = new AgentSession(all, new MemoryJournal(), async () => node as never)
  sessions.push(session)
  return Agent.of(createAgentServer(session, { folder: undefined, maxBytes: 1 }, '1.0.0'))
}

test('a price shows every way to pay, with what is at risk, and which of them the person allows', async () => {
  const { url, nodes } = await Shop.open({ schemes: ['charge', 'l402'] })
  const agent = await agentOf(nodes.buyer, { schemes: ['l402'] })
  const charge = { scheme: 'charge', price: '20 sat/request', ahead: '20000', withinLimits: false }
  const l402 = { scheme: 'l402', ahead: '20000', risk: expect.stringContaining('never comes back'), withinLimits: true }
  expect(await agent.done('price', { url })).toMatchObject({ free: false, offers: [charge, l402], withinLimits: true })
  const careful = await agentOf(nodes.buyer, { maxRisk: sat(19) })
  expect(await careful.done('price', { url })).toMatchObject({ withinLimits: false })
  const poor = await agentOf(nodes.buyer, { maxPrice: [parsePrice('5 sat/request')], schemes: ['charge'] })
  expect(await poor.done('price', { url })).toMatchObject({ withinLimits: false })
  expect((await agent.done('spending')) as object).toMatchObject({ schemes: ['l402'], maxRisk: '50000' })
})

test('a token is bought once, and the next fetch goes on with it', async () => {
  const shop = await Shop.open({ schemes: ['l402'], uses: 2 })
  const agent = await agentOf(shop.nodes.buyer)
  const first = await agent.done('fetch', { url: shop.url })
  expect(first).toMatchObject({
    ...{ body: 'the thing', scheme: 'l402', spent: '20000', charged: '20000', returned: '0', payments: 1 },
    budget: { spent: '20000', left: '180000' },
  })
  const second = await agent.done('fetch', { url: shop.url })
  expect(second).toMatchObject({ body: 'the thing', agreement: first.agreement, spent: '0', charged: '0', payments: 0 })
  expect(shop.earned).toBe(sat(20))
})

test('a session is closed before the answer, and what is left of it is in the budget again', async () => {
  const shop = await SessionShop.open({ chunks: 5 })
  const agent = await agentOf(shop.nodes.buyer)
  const got = await agent.done('fetch', { url: shop.url })
  expect(got).toMatchObject({ scheme: 'session', spent: '20000', returned: '15000', budget: { spent: '5000' } })
  expect(got.body).not.toContain('payment-')
  expect(shop.only.closed).toBe(true)
})

test('nothing is prepaid above what the person allows, whatever the agent accepts', async () => {
  const shop = await Shop.open({ schemes: ['charge'] })
  const { buyer } = shop.nodes
  const fetching = { url: shop.url, maxPrice: '100 sat/request' }
  const careful = await agentOf(buyer, { maxRisk: sat(19) })
  expect(await careful.refused('fetch', fetching)).toMatchObject({ code: 'risk-too-high' })
  const cheap = await agentOf(buyer, { maxPrice: [parsePrice('5 sat/request')] })
  expect(await cheap.refused('fetch', fetching)).toMatchObject({ code: 'price-too-high' })
  const agent = await agentOf(buyer, { max: sat(30) })
  expect(await agent.refused('fetch', { url: shop.url, maxPrice: '5 sat/request' })).toMatchObject({
    code: 'price-too-high',
  })
  expect(await agent.refused('fetch', { url: shop.url, max: '10 sat' })).toMatchObject({ code: 'budget-exhausted' })
  expect(await agent.done('fetch', fetching)).toMatchObject({ body: 'the thing', scheme: 'charge' })
  expect(await agent.refused('fetch', fetching)).toMatchObject({ code: 'budget-exhausted' })
  expect(shop.earned).toBe(sat(20))
})

test('a receipt that is for another payment is told, and what came is there', async () => {
  const receipt = (said: LightningReceipt) => lightningReceipt({ ...said, reference: 'ab'.repeat(32) })
  const shop = await Shop.open({ schemes: ['charge'], receipt })
  const agent = await agentOf(shop.nodes.buyer)
  const got = await agent.done('fetch', { url: shop.url })
  expect(got).toMatchObject({ body: 'the thing', charged: '20000', receipt: { code: 'receipt-mismatch' } })
  expect(
    await agent.done('fetch', { url: (await Shop.open({ schemes: ['charge'] }, shop.nodes)).url }),
  ).not.toHaveProperty('receipt')
})
