/*
 * Our buyer at our seller, under each scheme: what each was held to apart has to fit together.
 */
import { expect, test } from 'vitest'
import { tokenEvent } from '../../src/meter/testing/chunks.ts'
import { openMarket } from '../trade/market.ts'

/** So many tokens as server-sent events, made when they are asked for. */
function stream(count: number): Response {
  let i = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        controller.enqueue(new TextEncoder().encode(i < count ? tokenEvent(`t${i}`) : 'data: [DONE]\n\n'))
        if (i++ === count) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

const tokensIn = (text: string): number => text.match(/"content"/g)?.length ?? 0

test.each(['session', 'charge', 'l402'] as const)('a request is paid for and answered under %s', async (scheme) => {
  const market = await openMarket({
    handler: () => new Response('sold'),
    price: '2 sat/request',
    schemes: ['stream', 'session', 'charge', 'l402'],
  })
  const buyer = market.buyer({ schemes: [scheme] })
  for (let i = 0; i < 3; i++) expect(await (await buyer.fetch(market.url)).text()).toBe('sold')
  await buyer.close()
  expect(buyer.prepaid.every(({ scheme: used }) => used === scheme)).toBe(true)
  const back = market.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  // A token that is left is the buyer's to use later.
  if (scheme !== 'l402') expect(market.settled - back).toBe(6000n)
})

test('a stream that costs several deposits comes whole under session, and what is left comes back', async () => {
  const market = await openMarket({
    handler: () => stream(70),
    price: '1 sat/token',
    allowance: '20 sat',
    schemes: ['session'],
  })
  const buyer = market.buyer({ schemes: ['session'] })
  const text = await (await buyer.fetch(market.url)).text()
  expect(tokensIn(text)).toBe(70)
  expect(text).not.toContain('payment-')
  await buyer.close()
  const back = market.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  expect(market.settled - back).toBe(70_000n)
})
