import { describe } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import { tradeSuite } from './trade.suite.ts'

const { net, skip } = await sharedNet()

describe.skipIf(skip)(`a trade on LND, on btcd and on neutrino${skip ? ` (skipped: ${skip})` : ''}`, () => {
  tradeSuite(async () => {
    const [buyer, seller] = await Promise.all([createLndNode(net!.alice), createLndNode(net!.bob)])
    return { buyer, seller, teardown: async () => void (await Promise.all([buyer.close(), seller.close()])) }
  })
})
