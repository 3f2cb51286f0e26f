import { describe } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import { tradeSuite } from '../nodes/trade.suite.ts'
import { Stage } from './stage.ts'
import type { WalletChanges } from './wallet.ts'

const { net, skip } = await sharedNet()
const why = skip ? ` (skipped: ${skip})` : ''

describe.skipIf(skip)(`a trade paid through NWC, to LND${why}`, () => {
  tradeSuite(async () => {
    const stage = await Stage.open(net!.alice)
    const [buyer, seller] = await Promise.all([stage.node('buyer'), createLndNode(net!.bob)])
    return { buyer, seller, teardown: async () => void (await Promise.all([stage.close(), seller.close()])) }
  })
})

const sold = (changes: WalletChanges) =>
  tradeSuite(async () => {
    const stage = await Stage.open(net!.bob, changes)
    const [buyer, seller] = await Promise.all([createLndNode(net!.alice), stage.node('seller')])
    return { buyer, seller, teardown: async () => void (await Promise.all([stage.close(), buyer.close()])) }
  })

describe.skipIf(skip)(`a trade paid by LND, to a wallet that signs and tells${why}`, () => sold({ notifies: true }))
describe.skipIf(skip)(`a trade paid by LND, to a wallet that neither signs nor tells${why}`, () =>
  sold({ without: ['sign_message'], info: { network: '', pubkey: undefined } }),
)
