import { describe, expect, it } from 'vitest'
import { requireAddressOf, requireGenesisOf, requireSameNetwork } from './guard.ts'
import { NETWORK_NAMES, NETWORKS } from './networks.ts'

const pairs = NETWORK_NAMES.flatMap((a) => NETWORK_NAMES.map((b) => [a, b] as const))

describe.each(pairs)('a thing of %s and an owner on %s', (theirs, ours) => {
  const owner = { what: 'node alice', network: ours }
  const expected = expect.objectContaining({
    code: 'network-mismatch',
    message: expect.stringMatching(new RegExp(`${theirs}.*${ours}`)),
    details: { network: theirs, expected: ours },
  })
  const judged = (check: () => void) =>
    theirs === ours ? expect(check).not.toThrow() : expect(check).toThrow(expected)

  it('by its own word', () => judged(() => requireSameNetwork({ what: 'the invoice', network: theirs }, owner)))

  it('by the first block of its chain', () =>
    judged(() => requireGenesisOf(NETWORKS[theirs].genesis[0]!, 'the chain backend', owner)))
})

describe('an address', () => {
  const onSignet = { what: 'node alice', network: 'signet' } as const

  it('of mainnet is refused on signet, by both names', () =>
    expect(() => requireAddressOf('1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', onSignet)).toThrow(/mainnet.*signet/))

  it('that testnet and signet share passes on either', () =>
    expect(() => requireAddressOf('mpXwg4jMtRhuSpVq4xS3HFHmCmWp9NyGKt', onSignet)).not.toThrow())
})

it('a chain that nobody knows is refused by its first block', () =>
  expect(() => requireGenesisOf('00'.repeat(32), 'the light client', { what: 'node a', network: 'mainnet' })).toThrow(
    /begins with block 0000/,
  ))
