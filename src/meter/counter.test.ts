import { describe, expect, test } from 'vitest'
import { counterFor, outputTokenCounter } from './counter.ts'
import { tokenEvent, usageEvent, utf8 } from './testing/chunks.ts'

const EVENTS = 'text/event-stream'
const steps = (texts: readonly string[]) => {
  const counter = counterFor('token', EVENTS)!
  return texts
    .flatMap((text) => counter.push(utf8(text)))
    .map(({ steps, owed }) => (owed === undefined ? steps : { steps, owed }))
}

describe('tokens of a stream of events', () => {
  test('an event is one piece, and cannot be cut', () => {
    const counter = counterFor('token', EVENTS)!
    const [a, all] = [utf8(tokenEvent('a')), utf8(usageEvent(4))]
    expect(counter.push(a)).toEqual([{ bytes: a, steps: 1n, divisible: false }])
    expect(counter.push(all)).toEqual([{ bytes: all, steps: 0n, divisible: false, owed: 3n }])
  })

  test('one for each event with content', () => {
    expect(steps([tokenEvent('a'), ': alive\n\n', tokenEvent('b'), 'data: [DONE]\n\n'])).toEqual([1n, 0n, 1n, 0n])
  })

  test('a usage above the count is owed for what has left', () => {
    expect(steps([tokenEvent('a'), tokenEvent('b'), usageEvent(5)])).toEqual([1n, 1n, { steps: 0n, owed: 3n }])
  })

  test('a usage below the count takes steps back', () => {
    expect(steps([tokenEvent('a'), tokenEvent('b'), tokenEvent('c'), usageEvent(1)])).toEqual([1n, 1n, 1n, -2n])
  })

  test('usage in every event corrects the count each time', () => {
    const both = (tokens: number) =>
      `data: ${JSON.stringify({ choices: [{ delta: { content: 'x' } }], usage: { completion_tokens: tokens } })}\n\n`
    expect(steps([both(1), both(2), both(5), both(5)])).toEqual([1n, 1n, { steps: 1n, owed: 2n }, 0n])
  })

  test('what is cut off at the end counts for nothing and is passed on', () => {
    const counter = counterFor('token', EVENTS)!
    counter.push(utf8('data: half'))
    expect(counter.end()).toEqual([{ bytes: utf8('data: half'), steps: 0n, divisible: false }])
    expect(counter.end()).toEqual([])
  })
})

describe('tokens of lines', () => {
  const NDJSON = 'application/x-ndjson; charset=utf-8'
  const count = (lines: readonly string[]) => {
    const counter = counterFor('token', NDJSON)!
    return [...lines.flatMap((line) => counter.push(utf8(line))), ...counter.end()].map(
      ({ bytes: _, divisible: __, ...rest }) => rest,
    )
  }
  const generate = (response: string) => `${JSON.stringify({ model: 'm', response, done: false })}\n`
  const chat = (message: object) => `${JSON.stringify({ model: 'm', message, done: false })}\n`
  const done = (counts: object) => `${JSON.stringify({ model: 'm', response: '', done: true, ...counts })}\n`

  test('one a line with content, corrected by the line that is done', () => {
    expect(count([generate('a'), generate(''), generate('b')])).toEqual([{ steps: 1n }, { steps: 0n }, { steps: 1n }])
    expect(count([generate('a'), generate('b'), done({ eval_count: 1, prompt_eval_count: 9 })])).toEqual([
      { steps: 1n },
      { steps: 1n },
      { steps: -1n, prompt: 9n },
    ])
    expect(count([generate('a'), done({ eval_count: 4 })])).toEqual([{ steps: 1n }, { steps: 0n, owed: 3n }])
  })

  test('a chat counts its text, its thinking and its calls', () => {
    const messages = [{ content: 'a' }, { thinking: 'b', content: '' }, { tool_calls: [{}] }, { content: '' }]
    expect(count(messages.map(chat)).map(({ steps }) => steps)).toEqual([1n, 1n, 1n, 0n])
  })

  test('the last line needs no line feed, and an empty one is nothing', () => {
    expect(count([generate('a').trim()])).toEqual([{ steps: 1n }])
    expect(count(['\n', '\r\n', ' \n'])).toEqual([{ steps: 0n }, { steps: 0n }, { steps: 0n }])
  })

  test('a line or an event that is too long to be read is counted by its bytes, to its end', () => {
    for (const [type, start] of [
      [NDJSON, ''],
      [EVENTS, 'data: '],
    ] as const) {
      const counter = counterFor('token', type)!
      const body = utf8(`${start}${'x'.repeat((2 << 20) + 100)}\n\n`)
      const pieces = [...counter.push(body), ...counter.end()]
      const total = pieces.reduce((sum, { steps }) => sum + steps, 0n)
      expect(total).toBe(BigInt(Math.ceil((body.length - (type === NDJSON ? 1 : 0)) / 4)))
      expect(pieces.every(({ bytes }) => bytes.length <= 64)).toBe(true)
    }
  })

  test('a stream without an end of line is passed on in bounded parts', () => {
    const counter = counterFor('token', NDJSON)!
    const most = 1 << 20
    expect(counter.push(new Uint8Array(most - 1))).toEqual([])
    expect(counter.push(new Uint8Array(1)).reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(most)
    expect(counter.end()).toEqual([])
  })
})

test('a usage of nothing does not make a stream free', () => {
  expect(steps([tokenEvent('a'), tokenEvent('b'), usageEvent(0)])).toEqual([1n, 1n, 0n])
})

describe('embeddings', () => {
  const body = utf8(
    JSON.stringify({ data: [{ object: 'embedding', embedding: [0.5] }], usage: { prompt_tokens: 5, total_tokens: 5 } }),
  )
  test('count their input where there is one price, and nothing where the input has its own', () => {
    const one = counterFor('token', 'application/json')!
    one.push(body)
    expect(one.end()).toEqual([{ bytes: body, steps: 5n, divisible: false, prompt: 5n }])
    const output = outputTokenCounter('application/json')
    output.push(body)
    expect(output.end()).toEqual([{ bytes: body, steps: 0n, divisible: false, prompt: 5n }])
  })
})

describe('tokens of other bodies', () => {
  test('JSON is held until its usage can be read, and is one piece', () => {
    const counter = counterFor('token', ' Application/JSON ; charset=utf-8')!
    const body = '{"usage":{"completion_tokens":3},"choices":[]}'
    expect(counter.push(utf8(body.slice(0, 9)))).toEqual([])
    expect(counter.push(utf8(body.slice(9)))).toEqual([])
    expect(counter.end()).toEqual([{ bytes: utf8(body), steps: 3n, divisible: false }])
  })

  test('an empty JSON body is no piece', () => {
    expect(counterFor('token', 'application/json')!.end()).toEqual([])
  })

  test('JSON is held up to the bound, and no byte further', () => {
    const body = new Uint8Array(8 << 20).fill(0x20)
    body.set(utf8('{"usage":{"completion_tokens":3}}'))
    const within = counterFor('token', 'application/json')!
    expect(within.push(body)).toEqual([])
    expect(within.end().map(({ steps }) => steps)).toEqual([3n])
    const beyond = counterFor('token', 'application/json')!
    expect(beyond.push(body)).toEqual([])
    expect(beyond.push(utf8(' ')).length).toBeGreaterThan(0)
  })

  test('JSON beyond the bound is counted by its bytes, whole', () => {
    const counter = counterFor('token', 'application/json')!
    const half = new Uint8Array(5 << 20)
    const pieces = [...counter.push(half), ...counter.push(half), ...counter.push(half), ...counter.end()]
    expect(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(15 << 20)
    expect(pieces.reduce((sum, { steps }) => sum + steps, 0n)).toBe(BigInt((15 << 20) / 4))
  })

  test('text is cut small, and rounds on its running total', () => {
    const counter = counterFor('token', 'text/plain')!
    const pieces = Array.from({ length: 10 }, () => counter.push(utf8('abc'))).flat()
    expect(pieces.reduce((sum, { steps }) => sum + steps, 0n)).toBe(8n)
    expect(counter.push(new Uint8Array(1000)).every(({ bytes }) => bytes.length <= 64)).toBe(true)
    expect(counter.push(new Uint8Array(128)).map(({ bytes, divisible }) => [bytes.length, divisible])).toEqual([
      [64, false],
      [64, false],
    ])
    expect(counter.push(new Uint8Array(0))).toEqual([])
  })
})

test('bytes are their own steps, and may be cut anywhere', () => {
  const counter = counterFor('byte', EVENTS)!
  expect(counter.push(utf8('abc'))).toEqual([{ bytes: utf8('abc'), steps: 3n, divisible: true }])
  expect(counter.end()).toEqual([])
})

test('requests, seconds and own units are not counted in the body', () => {
  for (const unit of ['request', 'second', 'image']) expect(counterFor(unit, EVENTS)).toBeUndefined()
})
