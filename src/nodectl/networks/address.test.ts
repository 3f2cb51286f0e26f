import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressNetworks } from './address.ts'

describe('addressNetworks', () => {
  it.each([
    // BIP 173 and BIP 350, test vectors
    ['BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4', ['mainnet']],
    ['tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7', ['testnet', 'signet']],
    ['bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0', ['mainnet']],
    ['bc1sw50qgdz25j', ['mainnet']],
    // the first coinbase's key, and the same hash on other networks
    ['1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', ['mainnet']],
    ['mpXwg4jMtRhuSpVq4xS3HFHmCmWp9NyGKt', ['testnet', 'signet', 'regtest']],
  ])('%s', (address, networks) => expect(addressNetworks(address)).toEqual(networks))

  it.each([
    ['another checksum', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5'],
    ['version 0 with the newer checksum', 'bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd'],
    ['version 1 with the older checksum', 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd'],
    ['version 17', 'BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R'],
    ['one byte', 'bc1pw5dgrnzv'],
    ['a chain that is no Bitcoin', 'ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9'],
    ['an invoice', 'lnbc1pvjluezpp5qqqsyqcyq5rqwzqf'],
    ['nothing', ''],
    ['a great deal', `bc1q${'q'.repeat(100_000)}`],
  ])('refuses %s', (_, address) =>
    expect(() => addressNetworks(address)).toThrow(expect.objectContaining({ code: 'address-invalid' })),
  )

  it('answers or refuses whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        try {
          expect(addressNetworks(text).length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toMatchObject({ code: 'address-invalid' })
        }
      }),
      { numRuns: 3000 },
    )
  })
})
