import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readChatRequest } from './chatRequest.ts'
import { complete, eventStream } from './completion.ts'
import type { LanguageModel } from './llama.ts'

const IDLE_MS = 20
const request = readChatRequest(JSON.stringify({ messages: [{ role: 'user', content: 'hello' }] }))

/** A model that generates what the test says. */
const scripted = (generate: LanguageModel['generate']): LanguageModel => ({
  name: 'scripted',
  contextTokens: 10,
  promptOf: () => [1],
  generate,
  close: async () => {},
})

test('a reader that is gone for too long loses its answer, and the model is free', async () => {
  let stopped = false
  const model = scripted(async function* () {
    try {
      yield* ['a', 'b', 'c']
    } finally {
      stopped = true
    }
  })
  let ended = 0
  const reader = eventStream(
    complete(model, request, () => {}),
    IDLE_MS,
    () => ended++,
  ).getReader()
  await reader.read()
  await reader.read()
  await sleep(IDLE_MS * 3)
  await expect(reader.read()).rejects.toThrow('nobody read')
  expect([stopped, ended]).toEqual([true, 1])
})

test('a failure of the model reaches the reader, and frees the turn', async () => {
  const model = scripted(async function* () {
    yield 'a'
    throw new Error('out of memory')
  })
  let ended = 0
  const stream = eventStream(
    complete(model, request, () => {}),
    1000,
    () => ended++,
  )
  await expect(new Response(stream).text()).rejects.toThrow('out of memory')
  expect(ended).toBe(1)
})
