import { describe, expect, test } from 'vitest'
import { formatPlay, type Play, PlayCounter, playSteps, readPlay } from './play.ts'

const whole: Play = { ms: 6006n, paid: 0n, of: 1000n, from: 0n, length: 1000n }

describe('the header', () => {
  test.each([
    ['ms=6006', '1000', whole],
    ['ms=6006;paid=400', '1000', { ...whole, paid: 400n }],
    ['ms=6006;of=1000;from=750', '250', { ...whole, from: 750n, length: 250n }],
    ['ms=6006;paid=10;of=1000;from=750', '250', { ...whole, paid: 10n, from: 750n, length: 250n }],
    ['ms=0', '0', { ms: 0n, paid: 0n, of: 0n, from: 0n, length: 0n }],
  ] as const)('%s of %s bytes', (header, length, play) => {
    expect(readPlay(header, length)).toEqual(play)
    expect(formatPlay(play)).toBe(header)
  })

  test.each([
    [null, '1000'],
    ['ms=6006', null],
    ['ms=6006', '1e3'],
    ['ms=6006', '0100'],
    ['ms=-1', '1000'],
    ['ms=6006.5', '1000'],
    ['ms=06', '1000'],
    ['ms=6006; paid=1', '1000'],
    ['ms=6006;from=1;of=1000', '100'],
    ['ms=6006;of=1000', '100'],
    ['ms=86400001', '1000'],
    ['ms=6006;paid=1001', '1000'],
    ['ms=6006;of=1000;from=751', '250'],
    ['ms=6006,ms=1', '1000'],
    ['', '1000'],
  ])('%s of %s bytes is none', (header, length) => {
    expect(readPlay(header, length)).toBeUndefined()
  })

  test('a day is the most that one body plays', () => {
    expect(readPlay('ms=86400000', '1')).toMatchObject({ ms: 86_400_000n })
  })
})

describe('counting', () => {
  test('grows with the bytes, rounded down', () => {
    expect([0n, 1n, 500n, 999n, 1000n, 2000n].map((bytes) => playSteps(whole, bytes))).toEqual([
      0n,
      6n,
      3003n,
      5999n,
      6006n,
      6006n,
    ])
  })
  test('not what was paid before', () => {
    const rest = { ...whole, paid: 500n }
    expect([100n, 500n, 501n, 1000n].map((bytes) => playSteps(rest, bytes))).toEqual([0n, 0n, 6n, 3003n])
  })
  test('nothing of a whole without bytes', () => {
    expect(playSteps({ ...whole, of: 0n, length: 0n }, 0n)).toBe(0n)
  })
  test('cuts a body into pieces of a tenth of a second', () => {
    const pieces = new PlayCounter(whole).push(new Uint8Array(1000))
    expect(pieces.length).toBe(63)
    expect(pieces.every(({ steps, divisible }) => steps <= 100n && !divisible)).toBe(true)
    expect(pieces.reduce((sum, { steps }) => sum + steps, 0n)).toBe(6006n)
  })
  test.each([undefined, { ...whole, ms: 0n }])('leaves what does not play whole and uncounted', (play) => {
    const counter = new PlayCounter(play)
    const bytes = new Uint8Array(300_000)
    expect(counter.push(bytes)).toEqual([{ bytes, steps: 0n, divisible: false }])
    expect(counter.end()).toEqual([])
  })
})
