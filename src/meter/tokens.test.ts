import { describe, expect, test } from 'vitest'
import { utf8 } from './testing/chunks.ts'
import { outputTokensOfBody, readTokenEvent, tokensOfBody, tokensOfBytes } from './tokens.ts'

const chunk = (delta: unknown) => JSON.stringify({ choices: [{ index: 0, delta }] })

describe('an event', () => {
  test.each([
    ['content', chunk({ content: 'a' })],
    ['reasoning', chunk({ reasoning_content: 'a' })],
    ['a tool call', chunk({ tool_calls: [{ index: 0, function: { arguments: '{' } }] })],
    ['an old completion', JSON.stringify({ choices: [{ text: 'a' }] })],
    ['a second choice', JSON.stringify({ choices: [{ delta: {} }, { delta: { content: 'b' } }] })],
    ['text that is no JSON', 'hello'],
    ['JSON of another shape', JSON.stringify({ message: 'hello' })],
    ['a JSON number', '5'],
  ])('with %s generates', (_, data) => {
    expect(readTokenEvent(data)).toStrictEqual({ generated: true })
  })

  test.each([
    ['a role only', chunk({ role: 'assistant', content: '' })],
    ['null content', chunk({ content: null })],
    ['a finish reason only', JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })],
    ['an empty old completion', JSON.stringify({ choices: [{ text: '' }] })],
    ['no choices', JSON.stringify({ choices: [] })],
    ['choices that are no objects', JSON.stringify({ choices: [1, null, 'x'] })],
    ['[DONE]', '[DONE]'],
    ['nothing', ''],
  ])('with %s generates nothing', (_, data) => {
    expect(readTokenEvent(data)).toEqual({ generated: false })
  })

  test('tells its usage', () => {
    expect(readTokenEvent('{"choices":[],"usage":{"completion_tokens":7}}')).toEqual({ generated: false, usage: 7n })
    expect(readTokenEvent('{"usage":{"completion_tokens":0}}')).toEqual({ generated: false, usage: 0n })
  })

  test.each(['null', '-1', '1.5', '"7"', '1e300', '[]'])('a usage of %s is none', (usage) => {
    expect(readTokenEvent(`{"choices":[],"usage":{"completion_tokens":${usage}}}`)).toEqual({ generated: false })
  })
})

describe('a body', () => {
  test('counts its usage', () => {
    expect(tokensOfBody(utf8('{"choices":[],"usage":{"completion_tokens":12}}'))).toEqual({ tokens: 12n })
  })

  test.each(['{"answer":"no usage"}', '[1,2,3]', '{"usage":{"completion_tokens":-4}}', 'cut {', ''])(
    'without one counts by its bytes: %s',
    (text) => {
      expect(tokensOfBody(utf8(text))).toEqual({ tokens: tokensOfBytes(BigInt(text.length)) })
    },
  )

  test('four bytes a token, rounded up', () => {
    expect([0n, 1n, 4n, 5n].map(tokensOfBytes)).toEqual([0n, 1n, 1n, 2n])
  })
})

describe('other shapes', () => {
  test.each([
    ['a delta of responses', { type: 'response.output_text.delta', delta: 'a' }, { generated: true }],
    ['an event of responses', { type: 'response.created', response: { usage: null } }, { generated: false }],
    [
      'the end of responses',
      { type: 'response.completed', response: { usage: { input_tokens: 3, output_tokens: 8 } } },
      { generated: false, usage: 8n, prompt: 3n },
    ],
    ['text of Ollama', { response: 'a', done: false }, { generated: true }],
    [
      'the last line of Ollama',
      { message: { content: '' }, done: true, eval_count: 7, prompt_eval_count: 2 },
      { generated: false, usage: 7n, prompt: 2n },
    ],
  ])('%s', (_, data, expected) => {
    expect(readTokenEvent(JSON.stringify(data))).toEqual(expected)
  })

  test.each([
    ['a completion', { choices: [], usage: { prompt_tokens: 4, completion_tokens: 6 } }, { tokens: 6n, prompt: 4n }],
    ['a response', { object: 'response', output: [{}], usage: { output_tokens: 6 } }, { tokens: 6n }],
    ['Ollama at once', { response: 'abc', done: true, eval_count: 2 }, { tokens: 2n }],
    ['embeddings of Ollama', { embeddings: [[1]], prompt_eval_count: 5 }, { tokens: 5n, prompt: 5n }],
  ])('the body of %s', (_, body, expected) => {
    expect(tokensOfBody(utf8(JSON.stringify(body)))).toEqual(expected)
  })

  const bySize = (text: string) => tokensOfBytes(BigInt(text.length))

  test.each([
    ['a list of embeddings', { data: [{ object: 'embedding' }, { object: 'embedding' }] }, true],
    ['one embedding of Ollama', { embedding: [0.5] }, true],
    ['several of Ollama', { embeddings: [[0.5]] }, true],
    ['a list of other things too', { data: [{ object: 'embedding' }, { object: 'image' }] }, false],
    ['a list of no objects', { data: ['embedding', null] }, false],
    ['data that is no list', { data: { object: 'embedding' } }, false],
  ])('%s counts its prompt: %s', (_, body, isEmbedding) => {
    const text = JSON.stringify({ ...body, usage: { prompt_tokens: 1000 } })
    expect(tokensOfBody(utf8(text))).toEqual({ tokens: isEmbedding ? 1000n : bySize(text), prompt: 1000n })
    // With a price of its own for the prompt.
    expect(outputTokensOfBody(utf8(text))).toEqual({ tokens: isEmbedding ? 0n : bySize(text), prompt: 1000n })
  })

  test('embeddings that tell no prompt count by their bytes', () => {
    const text = JSON.stringify({ data: [{ object: 'embedding' }] })
    expect(tokensOfBody(utf8(text))).toEqual({ tokens: bySize(text) })
  })

  test.each([
    ['with an output', { output: [{}] }, true],
    ['without any', { output: [] }, false],
    ['with an output that is no list', { output: 'abc' }, false],
    ['that has none', {}, false],
  ])('a response %s that says 0 tokens was generated: %s', (_, body, isGenerated) => {
    const text = JSON.stringify({ object: 'response', ...body, usage: { output_tokens: 0 } })
    expect(tokensOfBody(utf8(text))).toEqual({ tokens: isGenerated ? bySize(text) : 0n })
  })

  test.each([
    ['of a type of its own', { type: 'ping', choices: undefined }, true],
    ['of a type that only ends like a delta', { type: 'my.delta' }, true],
    ['with an empty list of tool calls', { choices: [{ delta: { tool_calls: [] } }] }, false],
    ['with thoughts of Ollama', { response: '', thinking: 'hm', done: false }, true],
    ['with neither', { response: '', thinking: '', done: false }, false],
  ])('an event %s generates: %s', (_, data, generated) => {
    expect(readTokenEvent(JSON.stringify(data))).toEqual({ generated })
  })

  test('an event of spaces generates nothing', () => {
    expect(readTokenEvent(' \t ')).toEqual({ generated: false })
  })

  test('a text for which 0 tokens are told counts by its bytes', () => {
    const body = utf8('{"choices":[{"message":{"content":"abc"}}],"usage":{"completion_tokens":0}}')
    expect(tokensOfBody(body)).toEqual({ tokens: tokensOfBytes(BigInt(body.length)) })
    expect(tokensOfBody(utf8('{"choices":[],"usage":{"completion_tokens":0}}'))).toEqual({ tokens: 0n })
  })
})
