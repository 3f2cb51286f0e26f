import { describe, it } from 'vitest'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { expectKept } from './testing/command.ts'

const skip = noLnd()

describe.skipIf(skip)(`a crowd on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  it("on the lab's two nodes: no stream fails, and every msat is accounted for", () => expectKept('lnd'), 600_000)
})
