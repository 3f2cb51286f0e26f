import fc from 'fast-check'
import { expect, it } from 'vitest'
import { minus, sat } from '../../money/msat.ts'
import type { Channel } from '../../nodectl/channels/channels.ts'
import { sampleChannel } from '../../nodectl/testing/sample.ts'
import { barOf, cellsOf, widthOf } from './picture.ts'

const channel = (local: number, remote: number, inFlight = 0, reserve = 0): Channel => ({
  ...sampleChannel(local, remote),
  canSend: minus(sat(local), sat(reserve)),
  canReceive: minus(sat(remote), sat(reserve)),
  inFlight: sat(inFlight),
})
const plain = (_: string, text: string): string => text

it.each([
  ['balanced', channel(500, 500), '▕██████████▒▒▒▒▒▒▒▒▒▒▏'],
  ['all on this side', channel(1000, 0), '▕████████████████████▏'],
  ['all on the other', channel(0, 1000), '▕▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▏'],
  ['with reserves', channel(500, 500, 0, 100), '▕░░████████▒▒▒▒▒▒▒▒░░▏'],
  ['with payments on their way', channel(400, 400, 200), '▕████████~~~~▒▒▒▒▒▒▒▒▏'],
  ['below its reserve', channel(50, 950, 0, 100), '▕░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░░▏'],
  ['with nothing in it', channel(0, 0), '▕▏'],
])('a channel %s', (_, of, bar) => expect(barOf(of, 20, plain)).toBe(bar))

it('a bar is as wide as it is told, whatever is in the channel', () => {
  const amount = fc.integer({ min: 0, max: 1_000_000_000 })
  fc.assert(
    fc.property(
      amount,
      amount,
      amount,
      amount,
      fc.integer({ min: 1, max: 200 }),
      (local, remote, inFlight, reserve, width) => {
        fc.pre(local + remote + inFlight > 0)
        const cells = Object.values(cellsOf(channel(local, remote, inFlight, reserve), width))
        expect(cells.reduce((sum, count) => sum + count, 0)).toBe(width)
        expect(Math.min(...cells)).toBeGreaterThanOrEqual(0)
      },
    ),
  )
})

it('the largest channel is the widest, and the smallest can still be seen', () => {
  expect(widthOf(16n, 16n, 40)).toBe(40)
  expect(widthOf(8n, 16n, 40)).toBe(20)
  expect(widthOf(1n, 1_000_000n, 40)).toBe(6)
})
