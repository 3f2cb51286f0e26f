import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelHandler } from './handler.ts'
import { type LanguageModel, loadLanguageModel } from './llama.ts'
import { modelAvailable, prepareModel } from './setup.ts'

const available = modelAvailable()
/** The first start fetches the model. */
const FETCH_MS = 300_000
const PAUSE_MS = 500

describe.skipIf(available !== true)(`a real model's handler${available === true ? '' : `: ${available}`}`, () => {
  let model: LanguageModel
  beforeAll(async () => {
    const files = await prepareModel()
    model = await loadLanguageModel(files.llama, files.weights, files.name)
  }, FETCH_MS)
  afterAll(() => model?.close())

  test('computes no token that nobody asked for', async () => {
    const handle = modelHandler(model)
    const computed = async () => {
      const response = await handle(new Request('http://model/health'))
      return ((await response.json()) as { tokens: number }).tokens
    }
    const body = JSON.stringify({
      messages: [{ role: 'user', content: 'What is a lightning storm?' }],
      stream: true,
      temperature: 0,
      max_tokens: 100,
    })
    const response = await handle(new Request('http://model/v1/chat/completions', { method: 'POST', body }))
    const reader = response.body!.getReader()
    // The first read brings the role, which costs nothing.
    for (let read = 0; read < 6; read++) await reader.read()
    expect(await computed()).toBe(5)
    await sleep(PAUSE_MS)
    expect(await computed()).toBe(5)
    await reader.read()
    expect(await computed()).toBe(6)
    await reader.cancel()
    await sleep(PAUSE_MS)
    expect(await computed()).toBe(6)
  })
})
