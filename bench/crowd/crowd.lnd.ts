import { describe, inject, it } from 'vitest'
import type { SharedLightningNet } from '../../lightning-net/shared.ts'
import { expectKept } from './testing/command.ts'

const { skip }: SharedLightningNet = inject('lightningNet')

describe.skipIf(skip)(`a crowd on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  it("on the lab's two nodes: no stream fails, and every msat is accounted for", () => expectKept('lnd'), 600_000)
})
