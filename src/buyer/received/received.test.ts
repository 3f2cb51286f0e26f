import { describe, expect, test } from 'vitest'
import { parsePrice } from '../../money/price.ts'
import { BodyCounter, Received } from './received.ts'

const price = parsePrice('1 sat/token')
const event = (json: unknown): Uint8Array => new TextEncoder().encode(`data: ${JSON.stringify(json)}\n\n`)
const token = event({ choices: [{ delta: { content: 'w' } }] })
const usage = (tokens: number): Uint8Array => event({ choices: [], usage: { completion_tokens: tokens } })

/** Counts a body for a buyer that has covered so many tokens in all. */
function counting(type: string, covered: bigint) {
  const received = new Received({ price })
  const receipt = received.begin(0)
  const counter = new BodyCounter(
    { price },
    new Headers({ 'content-type': type }),
    receipt,
    received,
    () => covered - received.steps(0),
  )
  return { counter, steps: () => received.steps(0) }
}

describe('a usage that the seller wrote', () => {
  test('counts as far as it was covered, and no further: an honest seller wrote the rest off', () => {
    const { counter, steps } = counting('text/event-stream', 10n)
    for (let i = 0; i < 4; i++) counter.push(token)
    counter.push(usage(7))
    expect(steps()).toBe(7n)
    counter.push(usage(60))
    expect(steps()).toBe(10n)
    counter.push(usage(9))
    expect(steps()).toBe(0n)
  })

  test('adds nothing where more came already than was covered', () => {
    const { counter, steps } = counting('text/event-stream', 2n)
    for (let i = 0; i < 4; i++) counter.push(token)
    counter.push(usage(60))
    expect(steps()).toBe(4n)
  })

  test('is no number of tokens that the bytes could hold, summed up: count-mismatch', () => {
    const { counter } = counting('text/event-stream', 10n)
    counter.push(token)
    counter.push(usage(60))
    expect(() => counter.push(usage(token.length + 2 * usage(60).length + 100))).toThrow(
      expect.objectContaining({ code: 'count-mismatch' }),
    )
  })

  test.each([
    [1_000_000, 10n],
    [8, 8n],
  ])('of %i in a JSON body counts as %i', (tokens, expected) => {
    const { counter, steps } = counting('application/json', 10n)
    counter.push(new TextEncoder().encode(JSON.stringify({ usage: { completion_tokens: tokens } })))
    counter.end()
    expect(steps()).toBe(expected)
  })

  test('is not asked about where the bytes show the count by themselves', () => {
    const { counter, steps } = counting('text/plain', 0n)
    counter.push(new Uint8Array(400))
    expect(steps()).toBe(100n)
  })
})
