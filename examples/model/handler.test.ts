import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { modelHandler } from './handler.ts'
import type { LanguageModel } from './llama.ts'

/** A model whose tokens are the words of its last message, over and over. */
function wordModel(contextTokens = 100) {
  const state = { computed: 0, running: 0, ended: 0 }
  const model: LanguageModel = {
    name: 'words',
    contextTokens,
    promptOf: (messages) => messages.flatMap(({ content }) => content.split(' ').map((_, i) => i)),
    async *generate(prompt) {
      state.running += 1
      expect(state.running).toBe(1)
      try {
        for (let i = 0; ; i++) {
          await sleep(1)
          state.computed += 1
          yield i === 1 ? '' : `w${i % prompt.length} `
        }
      } finally {
        state.running -= 1
        state.ended += 1
      }
    },
    close: async () => {},
  }
  return { state, handle: modelHandler(model) }
}

const MESSAGES = [{ role: 'user', content: 'one two three' }]
const ask = (body: unknown, signal?: AbortSignal) =>
  new Request('http://localhost/v1/chat/completions', {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  })
const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)))

test('a stream is a chunk for every token that shows, the usage, and [DONE]', async () => {
  const { handle } = wordModel()
  const response = await handle(ask({ messages: MESSAGES, stream: true, max_tokens: 4 }))
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const text = await response.text()
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  const events = eventsOf(text)
  expect(events.map(({ choices }) => choices[0].delta.content)).toEqual(['', 'w0 ', 'w2 ', 'w0 ', undefined])
  expect(new Set(events.map(({ id, object, model }) => `${id} ${object} ${model}`)).size).toBe(1)
  expect(events.at(-1)).toMatchObject({
    object: 'chat.completion.chunk',
    choices: [{ finish_reason: 'length' }],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  })
})

test('without a stream the whole answer comes at once', async () => {
  const { handle } = wordModel()
  const response = await handle(ask({ messages: MESSAGES, max_completion_tokens: 3 }))
  expect(await response.json()).toMatchObject({
    object: 'chat.completion',
    choices: [{ message: { role: 'assistant', content: 'w0 w2 ' }, finish_reason: 'length' }],
    usage: { completion_tokens: 3 },
  })
})

test('a reader that pauses pauses the model; one that leaves ends it and frees the turn', async () => {
  const { state, handle } = wordModel()
  const reader = (await handle(ask({ messages: MESSAGES, stream: true }))).body!.getReader()
  for (let i = 0; i < 4; i++) await reader.read()
  await sleep(30)
  // The first event names the role; one of the tokens has no text.
  expect(state.computed).toBe(4)
  await reader.cancel()
  expect(state.ended).toBe(1)
  const next = await handle(ask({ messages: MESSAGES, max_tokens: 1 }))
  expect(next.status).toBe(200)
})

test('one answer at a time; a few wait in order, the rest are sent away', async () => {
  const { handle } = wordModel()
  const first = await handle(ask({ messages: MESSAGES, stream: true, max_tokens: 3 }))
  const gone = new AbortController()
  const leaver = handle(ask({ messages: MESSAGES }, gone.signal))
  const waiting = Array.from({ length: 7 }, () => handle(ask({ messages: MESSAGES, max_tokens: 2 })))
  await sleep(10)
  const refused = await handle(ask({ messages: MESSAGES }))
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('2')
  gone.abort()
  await expect(leaver).rejects.toMatchObject({ name: 'AbortError' })
  await first.text()
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(7).fill(200))
})

test('a client that leaves while the whole answer is computed ends it', async () => {
  const { state, handle } = wordModel()
  const gone = new AbortController()
  const answer = Promise.resolve(handle(ask({ messages: MESSAGES, max_tokens: 1000 }, gone.signal)))
  await sleep(20)
  gone.abort()
  await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
  expect(state.ended).toBe(1)
  expect(state.computed).toBeLessThan(1000)
})

test('an answer ends where the context does', async () => {
  const { handle } = wordModel(10)
  const response = await handle(ask({ messages: MESSAGES, max_tokens: 100 }))
  expect(await response.json()).toMatchObject({ usage: { total_tokens: 10 }, choices: [{ finish_reason: 'length' }] })
})

test.each([
  ['not JSON', /not JSON/],
  [[], /the body/],
  [{}, /messages/],
  [{ messages: [] }, /messages/],
  [{ messages: [{ role: 'robot', content: '' }] }, /messages.0.role/],
  [{ messages: [{ role: 'user', content: 7 }] }, /messages.0.content/],
  [{ messages: [{ role: 'user', content: 'x'.repeat(20_000) }] }, /messages.0.content/],
  [{ messages: MESSAGES, max_tokens: 0 }, /max_tokens/],
  [{ messages: MESSAGES, max_tokens: 1e9 }, /max_tokens/],
  [{ messages: MESSAGES, temperature: 3 }, /temperature/],
  [{ messages: MESSAGES, n: 2 }, /n: must be 1/],
  [{ messages: MESSAGES, tools: [] }, /tools: is not supported/],
  [{ messages: [{ role: 'user', content: 'word '.repeat(200) }] }, /the context holds 100/],
])('%j is refused in words', async (body, words) => {
  const { state, handle } = wordModel()
  const response = await handle(ask(body))
  expect(response.status).toBe(400)
  const { error } = (await response.json()) as { error: { message: string; type: string } }
  expect(error.message).toMatch(words)
  expect(error.type).toBe('invalid_request_error')
  expect(state.computed).toBe(0)
  // A refusal gives its turn back.
  expect((await handle(ask({ messages: MESSAGES, max_tokens: 1 }))).status).toBe(200)
})

test('paths, methods and sizes that are not served are refused; the models are listed', async () => {
  const { handle } = wordModel()
  expect((await handle(new Request('http://localhost/'))).status).toBe(404)
  expect((await handle(new Request('http://localhost/v1/chat/completions'))).status).toBe(405)
  expect((await handle(ask('x'.repeat(300_000)))).status).toBe(413)
  const models = await (await handle(new Request('http://localhost/v1/models'))).json()
  expect(models).toMatchObject({ object: 'list', data: [{ id: 'words', object: 'model' }] })
})
