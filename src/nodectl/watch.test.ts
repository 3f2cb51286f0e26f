import { expect, it, vi } from 'vitest'
import { blocksInWords } from './blocks.ts'
import { watch } from './watch.ts'

it('tells each state once, and ends when it is done', async () => {
  vi.useFakeTimers()
  const states = [1n, 1n, 2n, 3n]
  const told: bigint[] = []
  const end = watch({ forMs: 60_000, onChange: (state: bigint) => told.push(state) }, async () => {
    const state = states.shift()!
    return { state, done: states.length === 0 }
  })
  await vi.runAllTimersAsync()
  expect(await end).toBe(3n)
  expect(told).toEqual([1n, 2n, 3n])
  vi.useRealTimers()
})

it('ends with the last state when its time is over, when it is ended, and at once with no time', async () => {
  vi.useFakeTimers()
  let looks = 0
  const look = async () => ({ state: ++looks, done: false })
  const timed = watch({ forMs: 2500 }, look)
  await vi.runAllTimersAsync()
  expect(await timed).toBe(4)
  vi.useRealTimers()
  expect(await watch({ forMs: 60_000, signal: AbortSignal.abort() }, look)).toBe(5)
  expect(await watch({ forMs: 0 }, look)).toBe(6)
})

it('gives up on a look that is never answered', async () => {
  vi.useFakeTimers()
  const end = watch({ forMs: 600_000 }, () => new Promise<never>(() => {})).catch((error) => error)
  await vi.runAllTimersAsync()
  expect(await end).toMatchObject({ code: 'node-unreachable' })
  vi.useRealTimers()
})

it.each([
  [1, 'mainnet', '1 block, about 10 minutes'],
  [6, 'signet', '6 blocks, about 60 minutes'],
  [144, 'mainnet', '144 blocks, about 24 hours'],
  [2016, 'testnet', '2016 blocks, about 14 days'],
  [3, 'regtest', '3 blocks (`streampay lab mine 3`)'],
] as const)('%d blocks on %s are "%s"', (blocks, network, words) => expect(blocksInWords(blocks, network)).toBe(words))
