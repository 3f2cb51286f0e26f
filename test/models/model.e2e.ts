import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ModelServer, startModelServer } from '../../examples/model/server.ts'
import { modelAvailable } from '../../examples/model/setup.ts'
import { FETCH_MS, loadedModel } from '../../examples/model/testing/loaded.ts'
import { withUsage } from '../../src/gateway/models/usage.ts'
import { proxyTo } from '../../src/seller/sources/upstream.ts'
import { type Market, openMarket, rejection, until } from '../trade/market.ts'
import { load } from './cpu.ts'

const available = modelAvailable()
const GRACE_MS = 1500
const MESSAGES = [{ role: 'user' as const, content: 'Tell a very long story about a storm.' }]

describe.skipIf(available !== true)(
  `a real model in its own process${available === true ? '' : `: ${available}`}`,
  () => {
    let model: ModelServer
    beforeAll(async () => {
      model = await startModelServer({ port: 0 })
    }, FETCH_MS)
    afterAll(() => model?.close())

    const health = async () =>
      (await (await fetch(`${model.url}/health`)).json()) as { readonly busy: boolean; readonly tokens: number }
    const sell = (): Promise<Market> =>
      openMarket({
        price: '1 sat/token',
        credit: '2 sat',
        graceMs: GRACE_MS,
        handler: withUsage(proxyTo(model.url)),
      })

    test('OpenAI’s own client buys from it, with another URL and fetch', async () => {
      const market = await sell()
      const buyer = market.buyer({ ahead: '20 sat' })
      const client = new OpenAI({
        baseURL: `${market.url}/v1`,
        fetch: buyer.fetch,
        // The header carries the payment.
        apiKey: 'none',
        defaultHeaders: { authorization: null },
      })
      const stream = await client.chat.completions.create({
        model: 'smollm2-135m-instruct',
        messages: MESSAGES,
        max_tokens: 40,
        stream: true,
      })
      let text = ''
      let told: number | undefined
      for await (const { choices, usage } of stream) {
        text += choices[0]!.delta.content ?? ''
        told = usage?.completion_tokens ?? told
      }
      expect(text.length).toBeGreaterThan(20)
      const whole = await client.chat.completions.create({ model: '', messages: MESSAGES, max_tokens: 10 })
      const [closing] = await buyer.close()
      expect(closing?.dispute).toBeUndefined()
      expect(closing?.statement.steps).toBe(BigInt(told! + whole.usage!.completion_tokens))
    })

    test('when the wallet is cut it is let go after the grace, and its CPU goes idle', async () => {
      const market = await sell()
      const buyer = market.buyer({ ahead: '20 sat' })
      const before = (await health()).tokens
      const body = JSON.stringify({ messages: MESSAGES, max_tokens: 1000, temperature: 0, stream: true })
      const response = await buyer.fetch(`${market.url}/v1/chat/completions`, { method: 'POST', body })
      const reading = (async () => {
        for await (const _ of response.body!);
      })()
      const failed = rejection(reading)
      const { promise: cut, resolve: mend } = Promise.withResolvers<undefined>()
      await until(() => market.account.gate.deliveredSteps > 20n, 'it speaks')
      market.script = () => cut
      await until(() => market.account.gate.shut, 'the money stops')
      const busy = await load(model.pid, 500)
      await failed
      await expect.poll(async () => (await health()).busy, { timeout: 20_000 }).toBe(false)
      const idle = await load(model.pid, 1000)
      const delivered = Number(market.account.gate.deliveredSteps)
      const computed = (await health()).tokens - before
      process.stderr.write(
        `grace ${GRACE_MS} ms: ${computed} tokens computed, ${delivered} delivered: ${computed - delivered} beyond; load ${busy.toFixed(2)} before, ${idle.toFixed(2)} after\n`,
      )
      expect(idle).toBeLessThan(0.1)
      expect(computed).toBeLessThan(1000)
      // The wallet is back: the same agreement goes on, and so does the model.
      market.script = () => undefined
      mend(undefined)
      const again = JSON.stringify({ messages: MESSAGES, max_tokens: 30, stream: true })
      const next = await buyer.fetch(`${market.url}/v1/chat/completions`, { method: 'POST', body: again })
      expect((await next.text()).endsWith('data: [DONE]\n\n')).toBe(true)
      expect(market.accounts.size).toBe(1)
    })
  },
)

describe.skipIf(available !== true)(
  `a real model behind the gate of its own process${available === true ? '' : `: ${available}`}`,
  () => {
    const model = loadedModel()

    test('stands still while the wallet is cut, and goes on with the same answer when it is back', async () => {
      const { handle, computed } = model()
      const market = await openMarket({ price: '1 sat/token', credit: '2 sat', handler: handle })
      const buyer = market.buyer({ ahead: '20 sat' })
      const body = JSON.stringify({ messages: MESSAGES, max_tokens: 120, temperature: 0, stream: true })
      const response = await buyer.fetch(`${market.url}/v1/chat/completions`, { method: 'POST', body })
      const text = response.text()
      const { promise: cut, resolve: mend } = Promise.withResolvers<undefined>()
      await until(() => market.account.gate.deliveredSteps > 20n, 'it speaks')
      market.script = () => cut
      await until(() => market.account.gate.shut, 'the money stops')
      // The token that waits at the gate was computed; no other is.
      const waiting = Number(market.account.gate.deliveredSteps) + 1
      await expect.poll(computed).toBe(waiting)
      const idle = await load(process.pid, 1000)
      expect(await computed()).toBe(waiting)
      market.script = () => undefined
      mend(undefined)
      expect((await text).endsWith('data: [DONE]\n\n')).toBe(true)
      const spoken = await computed()
      expect(spoken).toBeGreaterThan(waiting)
      process.stderr.write(`in one process: ${waiting} computed, load ${idle.toFixed(2)} while cut, then ${spoken}\n`)
      // What is left is a buyer that asks for the state of its payments.
      expect(idle).toBeLessThan(0.5)
      const [closing] = await buyer.close()
      expect(closing?.dispute).toBeUndefined()
      expect(closing?.statement.steps).toBe(BigInt(spoken))
    })
  },
)
