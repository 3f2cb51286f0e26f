import { afterAll, describe } from 'vitest'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { waysSuite } from './ways.suite.ts'

describe('faults on the way, on embedded nodes', () => {
  let pair: EmbeddedPair | undefined
  afterAll(() => pair?.close())
  waysSuite(async () => {
    pair = await embeddedPair()
    return pair
  }, [
    { latencyMs: 10 },
    { latencyMs: 50, jitterMs: 100 },
    { latencyMs: 500, jitterMs: 500 },
    // Five seconds from question to answer.
    { latencyMs: 2500 },
    { latencyMs: 40, bytesPerSecond: 32_768 },
  ])
})
