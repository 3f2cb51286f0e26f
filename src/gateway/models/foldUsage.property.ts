import fc from 'fast-check'
import { expect, test } from 'vitest'
import { counterFor } from '../../meter/counter.ts'
import { anyBytes, cutAt, cuts, join, tokenEvent, usageEvent, utf8 } from '../../meter/testing/chunks.ts'
import { UsageFolder } from './foldUsage.ts'

const fold = (chunks: readonly Uint8Array[]): Uint8Array => {
  const folder = new UsageFolder()
  return join([...chunks.flatMap((chunk) => folder.push(chunk)), ...folder.end()])
}
const endEvent = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })}\n\n`
const count = (bytes: Uint8Array): bigint => {
  const counter = counterFor('token', 'text/event-stream')!
  return [...counter.push(bytes), ...counter.end()].reduce((sum, { steps, owed = 0n }) => sum + steps + owed, 0n)
}
const stream = fc
  .tuple(fc.nat(8), fc.nat(40), fc.constantFrom('', ': alive\n\n'), fc.constantFrom('', 'data: [DONE]\n\n'))
  .map(([tokens, usage, alive, done]) =>
    [tokenEvent('a').repeat(tokens), endEvent, alive, usageEvent(usage), done].join(''),
  )

test('the usage moves into the event before it, however the stream is cut, and the count stays', () => {
  fc.assert(
    fc.property(stream, cuts, (text, places) => {
      const out = fold(cutAt(utf8(text), places))
      expect(out).toEqual(fold([utf8(text)]))
      expect(count(out)).toBe(count(utf8(text)))
      const events = new TextDecoder().decode(out).match(/data: \{.*/g) ?? []
      const chunks = events.map((event) => JSON.parse(event.slice('data: '.length)))
      expect(chunks.every(({ choices }) => choices.length > 0)).toBe(true)
      expect(chunks.at(-1).usage).toBeDefined()
    }),
    { numRuns: 1000 },
  )
})

test('any bytes without both events pass as they are', () => {
  fc.assert(
    fc.property(anyBytes, cuts, (bytes, places) => {
      expect(fold(cutAt(bytes, places))).toEqual(bytes)
    }),
    { numRuns: 2000 },
  )
})

test('an end without a usage after it is not held back for ever', () => {
  const folder = new UsageFolder()
  expect(folder.push(utf8(endEvent))).toEqual([])
  expect(join(folder.push(utf8('data: [DONE]\n\n')))).toEqual(utf8(`${endEvent}data: [DONE]\n\n`))
  folder.push(utf8(endEvent))
  expect(join(folder.end())).toEqual(utf8(endEvent))
})
