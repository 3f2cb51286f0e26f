import { describe, expect, test } from 'vitest'
import { Pace } from './pace.ts'
import { RateMeter } from './rate.ts'

const one = {}

/** Sends as fast as it may for so long, with payments that take `latencyMs`; the payments of each second. */
function run(pace: Pace, seconds: number, latencyMs: (now: number) => number): number[] {
  const sent = new Array<number>(seconds).fill(0)
  let flying: Array<{ at: number; took: number }> = []
  for (let now = 0; now < seconds * 1000; now += 5) {
    for (const { took } of flying.filter(({ at }) => at <= now)) pace.ended(took)
    flying = flying.filter(({ at }) => at > now)
    while (pace.take(now, one) === 0) {
      sent[Math.floor(now / 1000)]! += 1
      flying.push({ at: now + latencyMs(now), took: latencyMs(now) })
    }
  }
  return sent
}

describe('Pace', () => {
  test('grows while payments settle quickly, up to its bound', () => {
    const sent = run(new Pace(), 20, () => 50)
    expect(sent[0]!).toBeLessThanOrEqual(60)
    expect(sent.at(-1)!).toBeGreaterThan(90)
    expect(Math.max(...sent)).toBeLessThanOrEqual(108)
  })

  test('gives way when the node queues, and comes back', () => {
    const sent = run(new Pace(), 60, (now) => (now > 15_000 && now < 35_000 ? 900 : 50))
    expect(sent[14]!).toBeGreaterThan(80)
    expect(sent[34]!).toBeLessThan(15)
    expect(sent[59]!).toBeGreaterThan(50)
  })

  test('is not held back by slow payments that are few: they wait for nothing of ours', () => {
    const pace = new Pace()
    run(pace, 5, () => 20)
    const leave = Array.from({ length: 10 }, () => pace.join())
    const before = pace.share
    for (let now = 10_000; now < 20_000; now += 500) {
      pace.take(now, one)
      pace.ended(800)
    }
    // 32 of them at once are all that bounds it.
    expect(pace.share).toBeGreaterThan(Math.min(before, 32 / 0.8 / 10) - 0.1)
    for (const end of leave) end()
  })

  test('takes the noise of a fast node for no queue', () => {
    let i = 0
    const sent = run(new Pace(), 20, () => (i++ % 3 === 0 ? 40 : 2))
    expect(sent.at(-1)!).toBeGreaterThan(90)
  })

  test('never has more in flight than its bound, and tells each stream a share that fits', () => {
    const pace = new Pace()
    const leave = pace.join()
    pace.join()
    const sent = run(pace, 30, () => 5000)
    expect(sent.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(32 * 7)
    expect(pace.share).toBeLessThanOrEqual(32 / 5 / 2)
    leave()
    expect(pace.share).toBeGreaterThan(32 / 5 / 2)
  })

  test('sends a few at once, and then says when to ask again', () => {
    const pace = new Pace()
    expect(Array.from({ length: 8 }, () => pace.take(0, one))).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    // 20 a second to begin with
    expect(pace.take(0, one)).toBe(50)
    expect(pace.take(30, one)).toBe(20)
    expect(pace.take(50, one)).toBe(0)
    expect(pace.take(50, one)).toBe(50)
  })

  test('a wallet that was idle for long saves up no more than that', () => {
    const pace = new Pace()
    pace.take(0, one)
    for (let i = 0; i < 8; i++) expect(pace.take(60_000, one)).toBe(0)
    expect(pace.take(60_000, one)).toBeGreaterThan(0)
  })

  test('has 32 in flight at most, and asks to wait for one of them', () => {
    const pace = new Pace()
    for (let second = 0; second < 32; second++) expect(pace.take(second * 1000, one)).toBe(0)
    // On average one of them ends in a 32nd of the time that each takes.
    expect(pace.take(33_000, one)).toBe(Math.ceil(pace.latencyMs / 32))
    pace.ended(300)
    expect(pace.take(34_000, one)).toBe(0)
    expect(pace.take(35_000, one)).toBe(Math.ceil(300 / 32))
  })

  test('serves those first who were told first to wait, and forgets who does not come', () => {
    const pace = new Pace()
    const [first, second, third] = [{}, {}, {}]
    for (let i = 0; i < 8; i++) pace.take(0, one)
    expect([pace.take(0, first), pace.take(0, second), pace.take(0, third)]).toEqual([50, 100, 150])
    // What is there after 50 ms is the first one's, whoever asks.
    expect([pace.take(50, third), pace.take(50, second)]).toEqual([100, 50])
    expect([pace.take(50, first), pace.take(100, third), pace.take(100, second)]).toEqual([0, 50, 0])
    pace.forgo(third)
    expect(pace.take(150, one)).toBe(0)
    for (let i = 0; i < 8; i++) pace.take(150, {})
    expect(pace.take(1199, third)).toBeGreaterThan(0)
    expect(pace.take(1600, third)).toBe(0)
  })

  test('knows the best time of a payment, and forgets it slowly', () => {
    const pace = new Pace()
    expect(pace.bestLatencyMs).toBeUndefined()
    pace.ended(50)
    expect(pace.bestLatencyMs).toBe(50)
    pace.ended(80)
    expect(pace.bestLatencyMs).toBeCloseTo(50.5)
    pace.ended(20)
    expect(pace.bestLatencyMs).toBe(20)
  })

  test('one slow payment moves the latency by a fifth of the way', () => {
    const pace = new Pace()
    expect(pace.latencyMs).toBe(200)
    pace.ended(100)
    expect(pace.latencyMs).toBe(100)
    pace.ended(200)
    expect(pace.latencyMs).toBeCloseTo(120)
  })

  test('takes up to three times the best for no queue, where payments are slow', () => {
    const pace = new Pace()
    for (let i = 0; i < 6; i++) pace.ended(i === 0 ? 200 : 450)
    expect(pace.share).toBe(26)
  })

  test('shares what it sustains among its streams, and never goes below a few a second', () => {
    const pace = new Pace()
    expect(pace.share).toBe(20)
    const leave = [pace.join(), pace.join(), pace.join(), pace.join()]
    expect(pace.share).toBe(5)
    for (const stream of leave) stream()
    pace.ended(1)
    run(pace, 60, () => 1000)
    expect(pace.share).toBeGreaterThanOrEqual(4)
    expect(pace.share).toBeLessThan(9)
  })

  test('failed payments do not count as quick ones', () => {
    const pace = new Pace()
    expect(pace.take(0, one)).toBe(0)
    pace.ended()
    expect(pace.bestLatencyMs).toBeUndefined()
  })
})

describe('RateMeter', () => {
  test('is the best of the last two seconds: a stall says little about the stream', () => {
    const meter = new RateMeter()
    for (let now = 0; now <= 1000; now += 100) meter.note(BigInt(now) * 5n, now)
    expect(meter.perSecondOver(0)).toBe(5000n)
    for (let now = 1100; now <= 2400; now += 100) meter.note(5000n, now)
    expect(meter.perSecondOver(0)).toBe(5000n)
    for (let now = 2500; now <= 4600; now += 100) meter.note(5000n, now)
    expect(meter.perSecondOver(0)).toBe(0n)
  })

  test('has a first sample early, and then one every 200 ms', () => {
    const meter = new RateMeter()
    meter.note(0n, 0)
    meter.note(99n, 24)
    expect(meter.perSecondOver(0)).toBe(0n)
    meter.note(100n, 25)
    expect(meter.perSecondOver(0)).toBe(4000n)
    meter.note(5000n, 224)
    expect(meter.perSecondOver(0)).toBe(4000n)
    meter.note(5100n, 225)
    expect(meter.perSecondOver(0)).toBe(25_000n)
  })

  test('begins to measure with the first that comes', () => {
    const meter = new RateMeter()
    meter.note(0n, 0)
    meter.note(0n, 30)
    meter.note(300n, 60)
    expect(meter.perSecondOver(0)).toBe(10_000n)
  })

  test('keeps ten samples', () => {
    const meter = new RateMeter()
    meter.note(0n, 0)
    meter.note(1000n, 200)
    for (let sample = 2; sample <= 10; sample++) meter.note(1000n, sample * 200)
    expect(meter.perSecondOver(0)).toBe(5000n)
    meter.note(1000n, 2200)
    expect(meter.perSecondOver(0)).toBe(0n)
  })

  test('a burst counts for no more than the time over which it is asked for', () => {
    const meter = new RateMeter()
    // A segment of 2000 msat every two seconds, each in one go.
    for (let now = 0; now <= 1600; now += 200) meter.note(now < 800 ? 0n : 2000n, now)
    expect([0, 200, 201, 400, 600, 5000].map((ms) => meter.perSecondOver(ms))).toEqual([
      ...[10_000n, 10_000n, 5000n, 5000n, 3333n, 2000n],
    ])
  })

  test('a stream that has just begun is measured over what there is', () => {
    const meter = new RateMeter()
    meter.note(0n, 0)
    meter.note(100n, 25)
    expect(meter.perSecondOver(800)).toBe(4000n)
  })

  test('what was taken back is no negative rate', () => {
    const meter = new RateMeter()
    meter.note(1000n, 0)
    meter.note(200n, 500)
    expect(meter.perSecondOver(0)).toBe(0n)
  })
})
