import { describe, expect, test } from 'vitest'
import { parsePrice } from '../money/price.ts'
import { type PriceSpec, readPriceSpec } from '../money/tariff.ts'
import { answerCounter, countsOnStatements, countsUpload, outputUnit } from './answer.ts'
import { tokenEvent, usageEvent, utf8 } from './testing/chunks.ts'

const asks = (spec: PriceSpec) => readPriceSpec(spec)
const INPUT = '1 sat/1k tokens'

describe('what an answer is counted in', () => {
  test.each<[PriceSpec, string | undefined]>([
    ['1 sat/MiB', 'byte'],
    ['1 sat/request', 'request'],
    ['1 sat/s', 'second'],
    [{ input: INPUT, output: '2 sat/1k tokens' }, 'token'],
    [{ request: '1 sat', output: '2 sat/s' }, 'second'],
    [{ input: INPUT, minimum: '1 sat' }, undefined],
  ])('at %j is %s', (spec, unit) => {
    expect(outputUnit(asks(spec))).toBe(unit)
  })
})

describe('whether the body of a request counts', () => {
  test.each<[PriceSpec, boolean]>([
    ['1 sat/MiB', false],
    [{ request: '1 sat', output: '1 sat/MiB' }, false],
    [{ upload: '1 sat/MiB' }, true],
    [{ input: INPUT }, true],
    [{ upload: '1 sat/MiB', input: INPUT }, true],
  ])('at %j: %s', (spec, counts) => {
    expect(countsUpload(asks(spec).tariff)).toBe(counts)
  })
})

describe('whether only statements tell how much was delivered', () => {
  test.each<[PriceSpec, boolean]>([
    ['1 sat/MiB', false],
    ['1 sat/token', false],
    ['1 sat/play-second', false],
    ['1 sat/request', false],
    ['1 sat/s', true],
    ['1 sat/image', true],
    [{ request: '1 sat' }, false],
    [{ request: '1 sat', output: '1 sat/token' }, false],
    [{ request: '1 sat', output: '1 sat/MiB' }, false],
    [{ request: '1 sat', output: '1 sat/play-second' }, false],
    [{ request: '1 sat', output: '1 sat/s' }, true],
    [{ request: '1 sat', output: '1 sat/image' }, true],
    [{ upload: '1 sat/MiB' }, true],
    [{ input: INPUT, output: '1 sat/token' }, true],
    [{ request: '1 sat', extra: '5 sat' }, true],
  ])('at %j: %s', (spec, only) => {
    expect(countsOnStatements(asks(spec))).toBe(only)
  })
})

describe('the counter of an answer', () => {
  const headers = (type: string | null, more: Record<string, string> = {}) => ({
    get: (name: string) => (name === 'content-type' ? type : (more[name] ?? null)),
  })
  /** What a body comes to: its steps, and the prompt that it tells. */
  function counted(spec: PriceSpec, type: string | null, body: string, more: Record<string, string> = {}) {
    const counter = answerCounter(asks(spec), headers(type, more))
    if (!counter) return undefined
    const pieces = [...counter.push(utf8(body)), ...counter.end()]
    expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString()).toBe(body)
    return {
      steps: pieces.reduce((sum, { steps, owed = 0n }) => sum + steps + owed, 0n),
      prompt: pieces.findLast(({ prompt }) => prompt !== undefined)?.prompt,
    }
  }
  const JSON_ANSWER = JSON.stringify({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } })
  const LINES = `${JSON.stringify({ response: 'a', done: false })}\n${JSON.stringify({ response: '', done: true, prompt_eval_count: 9, eval_count: 3 })}\n`

  test('of one price is the one of its unit', () => {
    expect(counted('1 sat/MiB', null, 'abcd')).toEqual({ steps: 4n, prompt: undefined })
    expect(counted('1 sat/token', 'text/event-stream', tokenEvent('a') + usageEvent(4))).toMatchObject({ steps: 4n })
    expect(counted('1 sat/request', 'text/plain', 'abcd')).toBeUndefined()
    expect(counted('1 sat/s', 'text/plain', 'abcd')).toBeUndefined()
  })

  test('of playing time goes by the headers', () => {
    const told = { 'stream-play': 'ms=6000', 'content-length': '12' }
    expect(counted('1 sat/play-second', 'video/mp2t', 'x'.repeat(12), told)).toMatchObject({ steps: 6000n })
    expect(counted('1 sat/play-second', 'video/mp2t', 'x'.repeat(12))).toMatchObject({ steps: 0n })
    expect(counted('1 sat/play-second', 'video/mp2t', 'x'.repeat(12), { 'stream-play': 'ms=6000' })).toMatchObject({
      steps: 0n,
    })
    const tariff = { request: '1 sat', output: '1 sat/play-second' }
    expect(counted(tariff, 'video/mp2t', 'x'.repeat(12), told)).toMatchObject({ steps: 6000n })
  })

  test('of a tariff without a price for its output counts nothing, unless it tells the prompt', () => {
    expect(counted({ request: '1 sat' }, 'application/json', JSON_ANSWER)).toBeUndefined()
    expect(counted({ input: INPUT }, 'text/plain', 'abcd')).toBeUndefined()
    expect(counted({ input: INPUT }, null, 'abcd')).toBeUndefined()
    expect(counted({ input: INPUT }, 'application/json', JSON_ANSWER)).toEqual({ steps: 0n, prompt: 11n })
  })

  test('of tokens whose input has a price of its own counts what was generated', () => {
    const spec = { input: INPUT, output: '1 sat/token' }
    expect(counted(spec, 'application/json', JSON_ANSWER)).toEqual({ steps: 7n, prompt: 11n })
    expect(counted(spec, 'text/plain', 'abcdefgh')).toEqual({ steps: 2n, prompt: undefined })
    const embeddings = JSON.stringify({ data: [{ object: 'embedding' }], usage: { prompt_tokens: 11 } })
    expect(counted(spec, 'application/json', embeddings), 'nothing is generated').toEqual({ steps: 0n, prompt: 11n })
    expect(counted('1 sat/token', 'application/json', embeddings), 'one price for all').toMatchObject({ steps: 11n })
  })

  test('of bytes whose input has a price of its own counts bytes, and tells the prompt', () => {
    const spec = { input: INPUT, output: '1 sat/MiB' }
    expect(counted(spec, 'application/json', JSON_ANSWER)).toEqual({ steps: BigInt(JSON_ANSWER.length), prompt: 11n })
    expect(counted(spec, 'text/plain', 'abcd')).toEqual({ steps: 4n, prompt: undefined })
    const counter = answerCounter(asks(spec), headers('text/event-stream'))!
    const [piece] = counter.push(utf8(tokenEvent('a')))
    expect(piece, 'and can be cut').toMatchObject({ steps: BigInt(tokenEvent('a').length), divisible: true })
    expect(piece).not.toHaveProperty('prompt')
  })

  test('of a time whose input has a price of its own looks for the prompt alone', () => {
    const counter = answerCounter(asks({ input: INPUT, output: '1 sat/s' }), headers('application/x-ndjson'))!
    const pieces = [...counter.push(utf8(LINES)), ...counter.end()]
    expect(pieces.map(({ steps, divisible, prompt }) => ({ steps, divisible, prompt }))).toEqual([
      { steps: 0n, divisible: false, prompt: undefined },
      { steps: 0n, divisible: false, prompt: 9n },
    ])
  })

  test.each([
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    [' Application/JSON ', true],
    ['application/json ;charset=utf-8', true],
    ['application/x-ndjson', true],
    ['application/ndjson', true],
    ['application/jsonl', true],
    ['application/json-lines', true],
    ['text/event-stream', true],
    ['application/json5', false],
    ['application/jsonp; charset=utf-8', false],
    ['x-application/json', false],
    ['text/plain; of=application/json', false],
    ['text/event-streams', false],
  ])('looks for the prompt in "%s": %s', (type, looks) => {
    expect(answerCounter(asks({ input: INPUT }), headers(type)) !== undefined).toBe(looks)
  })

  test('tells a prompt that only the end of a body holds', () => {
    const line = JSON.stringify({ response: '', done: true, prompt_eval_count: 9, eval_count: 3 })
    expect(counted({ input: INPUT }, 'application/x-ndjson', line)).toEqual({ steps: 0n, prompt: 9n })
  })

  test('is for the price that is asked', () => {
    expect(outputUnit({ price: parsePrice('1 sat/token') })).toBe('token')
    expect(outputUnit({ price: parsePrice('1 msat/msat'), tariff: undefined })).toBe('msat')
  })
})
