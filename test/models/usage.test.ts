import { expect, test } from 'vitest'
import { withUsage } from '../../src/gateway/models/usage.ts'
import { tokenEvent, usageEvent } from '../../src/meter/testing/chunks.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { proxyTo } from '../../src/seller/sources/upstream.ts'
import { openMarket } from '../trade/market.ts'

const END = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })}\n\n`
const EVENTS = { headers: { 'content-type': 'text/event-stream' } }
const PATH = '/v1/chat/completions'

/** A server that packs several tokens into an event, and tells its usage only to who asks. */
async function packing(knowsOptions: boolean) {
  const bodies: string[] = []
  const server = await serve(
    async (request) => {
      const text = await request.text()
      bodies.push(text)
      const asked = text.includes('"include_usage":true')
      if (asked && !knowsOptions) return Response.json({ error: 'stream_options: unknown' }, { status: 400 })
      return new Response([tokenEvent('a b'), tokenEvent('c'), END, asked ? usageEvent(3) : ''].join(''), EVENTS)
    },
    { port: 0 },
  )
  return { ...server, bodies }
}

const ask = (options: object = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'm', stream: true, ...options }),
})

test('who did not ask for the usage pays by it, and reads no event without a choice', async () => {
  const model = await packing(true)
  const market = await openMarket({
    price: '1 sat/token',
    credit: '5 sat',
    handler: withUsage(proxyTo(model.url)),
  })
  const buyer = market.buyer()
  const text = await (await buyer.fetch(market.url + PATH, ask())).text()
  expect(text).not.toContain('"choices":[]')
  expect(text).toContain('"completion_tokens":3')
  const [closing] = await buyer.close()
  expect(closing).toMatchObject({ statement: { steps: 3n } })
  expect(closing?.dispute).toBeUndefined()
  await model.close(0)
})

test('who asked for it gets the event; the body is sent as it came', async () => {
  const model = await packing(true)
  const market = await openMarket({ price: '1 sat/token', credit: '5 sat', handler: withUsage(proxyTo(model.url)) })
  const asking = ask({ stream_options: { include_usage: true } })
  const text = await (await market.buyer().fetch(market.url + PATH, asking)).text()
  expect(text).toContain('"choices":[]')
  expect(model.bodies).toEqual([asking.body])
  await model.close(0)
})

test('a server that knows no such option is asked again as the client asked', async () => {
  const model = await packing(false)
  const market = await openMarket({ price: '1 sat/token', handler: withUsage(proxyTo(model.url)) })
  const buyer = market.buyer()
  const response = await buyer.fetch(market.url + PATH, ask())
  expect(response.status).toBe(200)
  await response.text()
  expect(model.bodies.at(-1)).toBe(ask().body)
  expect(model.bodies).toHaveLength(2)
  expect(await buyer.close()).toMatchObject([{ statement: { steps: 2n } }])
  await model.close(0)
})

test('Ollama’s lines are counted as they leave, and by its own count', async () => {
  const line = (members: object) => `${JSON.stringify({ model: 'm', ...members })}\n`
  const body = [
    line({ response: 'a', done: false }),
    line({ response: 'b', done: false }),
    line({ response: '', done: true, eval_count: 2, prompt_eval_count: 7 }),
  ].join('')
  const market = await openMarket({
    price: '1 sat/token',
    handler: withUsage(() => new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })),
  })
  const buyer = market.buyer()
  await (await buyer.fetch(`${market.url}/api/generate`, ask())).text()
  const [closing] = await buyer.close()
  expect(closing).toMatchObject({ statement: { steps: 2n } })
  expect(closing?.dispute).toBeUndefined()
})
