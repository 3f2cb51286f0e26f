import { expect, test } from 'vitest'
import { Gaps, Playing } from './gaps.ts'

test('a gap counts above the bound, also the one at the end, and none before the first', () => {
  const gaps = new Gaps(500)
  for (const at of [10_000, 10_500, 11_001]) gaps.came(at)
  expect(gaps).toMatchObject({ count: 1, longestMs: 501, totalMs: 501 })
  gaps.end(12_001)
  expect(gaps).toMatchObject({ count: 2, longestMs: 1000, totalMs: 1501 })
})

test('a picture stands still when what was loaded is played, and goes on from there', () => {
  const playing = new Playing()
  playing.loaded(2000, 1000)
  expect(playing.bufferedMs(1500)).toBe(1500)
  playing.loaded(2000, 2000)
  expect(playing.bufferedMs(2000)).toBe(3000)
  playing.loaded(2000, 5300)
  expect(playing).toMatchObject({ count: 1, longestMs: 300, totalMs: 300 })
  expect(playing.bufferedMs(5300)).toBe(2000)
  playing.end(7300)
  expect(playing.count).toBe(1)
  expect(playing.take()).toEqual({ count: 1, longestMs: 300, totalMs: 300 })
  expect(playing.take()).toEqual({ count: 0, longestMs: 0, totalMs: 0 })
})
