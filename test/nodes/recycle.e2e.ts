import { expect, it } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import type { Settlement } from '../../src/lightning/node.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { paywall } from '../../src/seller/paywall.ts'
import type { SellerEvent } from '../../src/seller/seller.ts'

const STREAMS = 3
const TOKENS = 500
const TOKEN_MS = 20

/** Words of a model, one every 20 ms. */
function words(): Response {
  let sent = 0
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent === TOKENS) return controller.close()
        await new Promise((resolve) => setTimeout(resolve, TOKEN_MS))
        controller.enqueue(new TextEncoder().encode(`data: {"choices":[{"delta":{"content":"w${sent++}"}}]}\n\n`))
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

it('streams do not notice that both nodes are started anew while they run', async () => {
  let recycled = 0
  // More than any node uses: each is replaced as often as it looks at its memory.
  const memoryLimitMiB = 1
  const log = (line: string) => {
    if (line.startsWith('starting anew')) recycled++
  }
  const { buyer: node, seller, close } = await embeddedPair({ memoryLimitMiB, log })
  const [before] = await seller.channels()
  const settlements: Settlement[] = []
  const events: SellerEvent[] = []
  const failures: unknown[] = []
  seller.subscribeSettlements(
    0n,
    (settlement) => settlements.push(settlement),
    (error) => failures.push(error),
  )
  const wall = paywall({ node: seller, price: '1 sat/token', credit: '20 sat', onEvent: (event) => events.push(event) })
  const server = await serve(wall(words), { port: 0, onError: (error) => failures.push(error) })
  const buyer = createBuyer({ node, max: '10000 sat', ahead: '60 sat' })

  let running = true
  // At moments of their own, besides those that the memory asks for, and both at once.
  const restarts = (async () => {
    for (let n = 0; running; n++) {
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await Promise.all([n % 3 !== 0 && seller.recycle(), n % 3 !== 1 && node.recycle()])
      recycled++
    }
  })()
  const texts = await Promise.all(
    Array.from({ length: STREAMS }, async (_, i) => (await buyer.fetch(`${server.url}/${i}`)).text()),
  )
  running = false
  await restarts
  for (const text of texts) {
    expect(text.split('data: ')).toHaveLength(TOKENS + 1)
    expect(text, 'no word is missing').toContain(`"w${TOKENS - 1}"`)
  }
  expect(recycled).toBeGreaterThanOrEqual(4)

  const closings = await buyer.close()
  const { trades } = buyer
  const paid = trades.reduce((sum, trade) => sum + trade.paid, 0n)
  const returned = trades.reduce((sum, trade) => sum + trade.returned, 0n)
  for (const { dispute, statement, amount } of closings) {
    expect(dispute).toBeUndefined()
    expect(statement.paid).toBe(statement.delivered + amount)
  }
  expect(closings.reduce((sum, { statement }) => sum + statement.steps, 0n)).toBe(BigInt(STREAMS * TOKENS))
  expect(closings.reduce((sum, { statement }) => sum + statement.paid, 0n)).toBe(paid)
  for (const trade of trades) {
    expect(trade.maxAhead).toBeLessThanOrEqual(trade.ahead)
    expect(wall.seller.accounts.inMemory.get(trade.agreement)!.gate.maxUnpaid).toBeLessThanOrEqual(20_000n)
  }
  expect(
    settlements.reduce((sum, { amount }) => sum + amount, 0n),
    'what the node settled',
  ).toBe(paid)
  expect(new Set(settlements.map(({ paymentHash }) => paymentHash)).size).toBe(settlements.length)
  // A return is settled when its preimage is known, a moment before the channel has let go of it.
  const moved = async () => {
    const [after] = await seller.channels()
    return after?.id === before!.id && before!.canReceive - after.canReceive
  }
  await expect.poll(moved, { timeout: 10_000 }).toBe(paid - returned)
  expect(events.filter(({ type }) => type === 'error')).toEqual([])
  expect(failures).toEqual([])
  await server.close(0)
  await wall.close()
  await close()
})
