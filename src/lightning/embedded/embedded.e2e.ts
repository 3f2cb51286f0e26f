import { nodeContract } from '../node.contract.ts'
import { embeddedPair } from './testing/pair.ts'

nodeContract('the embedded node', async () => {
  const { buyer, seller, close } = await embeddedPair()
  return { payer: buyer, payee: seller, teardown: close }
})
