import { describe, expect, it } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { paywall } from '../../src/seller/paywall.ts'
import { tradeSuite } from './trade.suite.ts'

describe('a trade on embedded nodes', () => {
  tradeSuite(async () => {
    const { buyer, seller, close } = await embeddedPair()
    return { buyer, seller, teardown: close }
  })

  it('halts within the credit when payments stop, and goes on when they do', async () => {
    const { buyer: node, seller, close } = await embeddedPair()
    const wall = paywall({ node: seller, price: '1 sat/token', credit: '5 sat' })
    let pulled = 0
    const source = () =>
      new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            if (pulled === 120) return controller.close()
            await new Promise((resolve) => setTimeout(resolve, 10))
            controller.enqueue(new TextEncoder().encode(`data: {"choices":[{"delta":{"content":"w${pulled++}"}}]}\n\n`))
          },
        },
        { highWaterMark: 0 },
      )
    const server = await serve(
      wall(() => new Response(source(), { headers: { 'content-type': 'text/event-stream' } })),
      { port: 0 },
    )
    const buyer = createBuyer({ node, max: '300 sat', ahead: '10 sat' })
    const response = await buyer.fetch(server.url)
    const text = response.text()
    await until(() => pulled > 20)
    await node.pausePayments(true)
    // Payments that were on their way when the others were held back still arrive, and carry the stream a little further.
    const [account] = [...wall.seller.accounts.inMemory.values()]
    let settled = -1n
    while (!account!.gate.shut || account!.gate.paid !== settled) {
      settled = account!.gate.paid
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    const atHalt = pulled
    await new Promise((resolve) => setTimeout(resolve, 700))
    // The source itself stands still: one piece may have been computed and be held at the gate.
    expect(pulled).toBeLessThanOrEqual(atHalt + 1)
    await node.pausePayments(false)
    expect((await text).split('data:')).toHaveLength(121)
    const [closing] = await buyer.close()
    const [trade] = buyer.trades
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement.steps).toBe(120n)
    expect(trade!.halted).toBeGreaterThanOrEqual(1)
    expect(trade!.maxAhead).toBeLessThanOrEqual(trade!.ahead)
    expect(wall.seller.accounts.inMemory.get(trade!.agreement)?.gate.maxUnpaid).toBeLessThanOrEqual(5000n)
    await server.close(0)
    await wall.close()
    await close()
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}
