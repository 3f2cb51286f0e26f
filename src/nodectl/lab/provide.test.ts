import { expect, it } from 'vitest'
import { type ChainWish, livesOnLabChain } from './provide.ts'

const PEER = '127.0.0.1:19000'
const RPC = 19_001
const wish = (more: Partial<ChainWish>): ChainWish => ({ network: 'regtest', backend: 'neutrino', ...more })
const btcd = (port: number) => ({ host: '127.0.0.1', port, user: 'u', password: 'p', cert: '/c' })

it.each<[string, ChainWish, number | undefined, boolean]>([
  ['a new light client', wish({}), undefined, true],
  ['a new one that is told another peer', wish({ chainPeers: ['127.0.0.1:18444'] }), undefined, false],
  ['a new one that is told the same peer', wish({ chainPeers: [PEER] }), undefined, true],
  ['one that has lived there', wish({ known: { chainPeers: [PEER] } }), undefined, true],
  ['one that lives elsewhere', wish({ known: { chainPeers: ['127.0.0.1:18444'] } }), undefined, false],
  ['one that moves away', wish({ known: { chainPeers: [PEER] }, chainPeers: ['127.0.0.1:18444'] }), undefined, false],
  ['one that talks to nobody', wish({ offline: true }), undefined, false],
  ['one on signet', wish({ network: 'signet' }), undefined, false],
  ['one on simnet', wish({ network: 'simnet' }), undefined, false],
  ['a new one on btcd', wish({ backend: 'btcd' }), undefined, true],
  ['a new one on a btcd that it is told', wish({ backend: 'btcd', btcd: btcd(18_334) }), undefined, false],
  ['one that has used its btcd', wish({ backend: 'btcd', known: { chainPeers: [] } }), RPC, true],
  ['one that has used another btcd', wish({ backend: 'btcd', known: { chainPeers: [] } }), 18_334, false],
])('%s', (_, asked, used, lives) => expect(livesOnLabChain(asked, PEER, RPC, used)).toBe(lives))

it('a new node gets the chain made that is not there yet', () => {
  expect(livesOnLabChain(wish({}))).toBe(true)
  expect(livesOnLabChain(wish({ backend: 'btcd' }))).toBe(true)
  expect(livesOnLabChain(wish({ known: { chainPeers: ['127.0.0.1:18444'] } }))).toBe(false)
})
