import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { modelAvailable } from './setup.ts'
import { loadedModel } from './testing/loaded.ts'

const available = modelAvailable()
const PAUSE_MS = 500

describe.skipIf(available !== true)(`a real model's handler${available === true ? '' : `: ${available}`}`, () => {
  const model = loadedModel()

  test('computes no token that nobody asked for', async () => {
    const { handle, computed } = model()
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
