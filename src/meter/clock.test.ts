import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WorkClock } from './clock.ts'

test('counts only between start and stop, begun milliseconds whole', () => {
  let now = 100
  const clock = new WorkClock(() => now)
  now = 150
  expect(clock.workedMs).toBe(0n)
  clock.start()
  now = 160.2
  expect(clock.workedMs).toBe(11n)
  clock.start()
  clock.stop()
  now = 900
  expect(clock.workedMs).toBe(11n)
  clock.stop()
  expect(clock.workedMs).toBe(11n)
})

test('reads the time of the machine unless it is given another', () => {
  const clock = new WorkClock()
  clock.start()
  const before = clock.workedMs
  expect(clock.workedMs >= before && before >= 0n).toBe(true)
})

test('fractions are not lost between many short pieces of work', () => {
  let now = 0
  const clock = new WorkClock(() => now)
  for (let i = 0; i < 100; i++) {
    clock.start()
    now += 0.25
    clock.stop()
    now += 50
  }
  expect(clock.workedMs).toBe(25n)
})

test('never runs backwards, and never ahead of the clock it reads', () => {
  const move = fc.record({ ms: fc.integer({ min: -5, max: 100 }), run: fc.boolean() })
  fc.assert(
    fc.property(fc.array(move), (moves) => {
      let now = 0
      let forward = 0
      const clock = new WorkClock(() => now)
      for (const { ms, run } of moves) {
        if (run) clock.start()
        else clock.stop()
        const before = clock.workedMs
        now += Math.max(0, ms)
        forward += Math.max(0, ms)
        expect(clock.workedMs >= before && clock.workedMs <= BigInt(Math.ceil(forward))).toBe(true)
      }
    }),
  )
})
