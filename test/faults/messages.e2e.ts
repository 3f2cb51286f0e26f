import { afterAll, describe } from 'vitest'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { messagesSuite } from './messages.suite.ts'
import { MESSAGE_FAULTS } from './messages.ts'

describe('control messages that meet with faults, on embedded nodes', () => {
  let pair: EmbeddedPair | undefined
  afterAll(() => pair?.close())
  messagesSuite(
    async () => {
      pair = await embeddedPair()
      return pair
    },
    { faults: MESSAGE_FAULTS, seeds: [1, 2, 3] },
  )
})
