import { expect, it } from 'vitest'
import { sat } from '../../money/msat.ts'
import { NETWORKS } from '../networks/networks.ts'
import { KEY } from '../testing/sample.ts'
import { openFailure } from './openErrors.ts'

const asked = { network: 'regtest', peer: KEY, amount: sat(1_000_000) } as const
/** As npm `lightning` rejects with LND's words. */
const failed = (words: string) => openFailure([503, 'FailedToOpenChannel', { err: words }], asked)
const fromPeer = (words: string) => `received funding error from ${KEY}: chan_id=${'0a'.repeat(32)}, err=${words}`
const [ours, theirs] = [NETWORKS.regtest.genesis[0], NETWORKS.simnet.genesis[0]]

it.each([
  [
    fromPeer(`unknown chain=${ours}, supported chain=${theirs}`),
    'network-mismatch',
    /on simnet, and this node on regtest; nothing was spent/,
  ],
  [
    fromPeer(`unknown chain=${ours}, supported chain=${'12'.repeat(32)}`),
    'network-mismatch',
    /begins with block 1212121212121212…, and this node on regtest/,
  ],
  [fromPeer('Unknown chain-hash'), 'network-mismatch', /on another network, and this node on regtest/],
  [fromPeer('chan size of 0.001 BTC is below min chan size of 0.0005 BTC'), 'channel-size', /50 000 sat or more/],
  [
    fromPeer('chan size of 1 BTC exceeds maximum chan size of 0.16777215 BTC'),
    'channel-size',
    /16 777 215 sat or less/,
  ],
  ['funding amount is too large, the max channel size is: 0.16777215 BTC', 'channel-size', /this node.*16 777 215 sat/],
  ['channel is too small, the minimum channel size is: 20000 SAT', 'channel-size', /20 000 sat or more/],
  ['funder balance too small (-3460000) with fee=2810 sat, minimum=708 sat required', 'channel-size', /--push leaves/],
  [fromPeer('non-zero push amounts are disabled'), 'peer-refused', /no channel with --push/],
  [
    'not enough witness outputs to create funding transaction, need 0.01 BTC only have 0.005 BTC  available',
    'funds-insufficient',
    /takes 1 000 000 sat with the fee, and the wallet has 500 000 sat/,
  ],
  [
    'reserved wallet balance invalidated: transaction would leave insufficient funds',
    'funds-insufficient',
    /LND keeps/,
  ],
  [fromPeer('pending channels exceed maximum'), 'peer-refused', /other channels of this node/],
  [fromPeer('Synchronizing blockchain'), 'peer-refused', /still following/],
  [fromPeer('we like\nnobody'), 'peer-refused', /the peer says: we like nobody/],
  [`peer ${KEY} is not online`, 'peer-unreachable', /not connected/],
  ['channels cannot be created before the wallet is fully synced', 'node-failed', /following the chain/],
  ['No connection established. Last error: connect ECONNREFUSED', 'node-unreachable', /no answer/],
])('"%s" is %s, and nothing was opened', (words, code, message) => {
  const { error, certain } = failed(words)
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  expect(certain).toBe(true)
})

it.each([
  'Connection dropped',
  'read ECONNRESET',
  'context deadline exceeded',
  'peer disconnected',
  '',
  'something nobody has seen',
])('"%s" leaves it unknown: LND may be at it', (words) =>
  expect(failed(words)).toMatchObject({ certain: false, error: { code: 'open-unknown' } }),
)

it('what the library says by itself is read too', () => {
  expect(openFailure([503, 'PeerIsNotOnline'], asked)).toMatchObject({
    certain: true,
    error: { code: 'peer-unreachable' },
  })
  expect(openFailure([503, 'UnknownChannelOpenStatus'], asked)).toMatchObject({ certain: false })
  expect(openFailure(new Error('x'), asked)).toMatchObject({ certain: false })
})
