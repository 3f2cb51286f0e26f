import { describe, expect, test } from 'vitest'
import { counterFor } from './counter.ts'
import { tokenEvent, usageEvent, utf8 } from './testing/chunks.ts'

const EVENTS = 'text/event-stream'
const steps = (texts: readonly string[]) => {
  const counter = counterFor('token', EVENTS)!
  return texts
    .flatMap((text) => counter.push(utf8(text)))
    .map(({ steps, owed }) => (owed === undefined ? steps : { steps, owed }))
}

describe('tokens of a stream of events', () => {
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

describe('tokens of other bodies', () => {
  test('JSON is held until its usage can be read, and is one piece', () => {
    const counter = counterFor('token', 'application/json; charset=utf-8')!
    const body = '{"usage":{"completion_tokens":3},"choices":[]}'
    expect(counter.push(utf8(body.slice(0, 9)))).toEqual([])
    expect(counter.push(utf8(body.slice(9)))).toEqual([])
    expect(counter.end()).toEqual([{ bytes: utf8(body), steps: 3n, divisible: false }])
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
  })
})

test('requests, seconds and own units are not counted in the body', () => {
  for (const unit of ['request', 'second', 'image']) expect(counterFor(unit, EVENTS)).toBeUndefined()
})
