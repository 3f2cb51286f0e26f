import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { msat, sat, ZERO } from '../../money/msat.ts'
import { addressNetworks } from '../networks/address.ts'
import { NETWORK_NAMES } from '../networks/networks.ts'
import { type ChannelWish, checkWish, costOf, type OpenFacts, sampleAddress } from './openCost.ts'

const wish = (amount: number, push = 0): ChannelWish => ({ amount: sat(amount), push: sat(push), private: false })
const rich: OpenFacts = {
  confirmed: sat(2_000_000_000),
  unconfirmed: ZERO,
  setAside: ZERO,
  setAsideUntil: undefined,
  anchorReserve: sat(10_000),
  fundingFee: sat(300),
  satPerVbyte: 2,
  large: false,
}

it('says what leaves the wallet, what stays bound, and what can be done', () => {
  expect(costOf(wish(1_000_000, 100_000), rich)).toMatchObject({
    total: sat(1_000_300),
    channelReserve: sat(10_000),
    closeReserve: sat(324 * 2 + 660),
    anchorReserve: sat(10_000),
    canSend: sat(1_000_000 - 100_000 - 10_000 - 1308),
    canReceive: sat(90_000),
  })
})

it('sets aside no more than LND does at a high fee', () => {
  expect(costOf(wish(1_000_000), { ...rich, satPerVbyte: 500 }).closeReserve).toBe(sat(324 * 10 + 660))
})

describe('is refused', () => {
  it.each([
    ['below the least', wish(19_999), 'channel-size'],
    ['with all given away', wish(100_000, 99_000), 'channel-size'],
    ['in parts of a sat', { ...wish(100_000), amount: msat(100_000_001n) }, 'amount-invalid'],
    ['with a gift in parts of a sat', { ...wish(100_000), push: msat(1n) }, 'amount-invalid'],
  ])('%s', (_, of, code) => expect(() => checkWish(of)).toThrow(expect.objectContaining({ code })))

  it('above the most, unless both nodes take large ones', () => {
    expect(() => costOf(wish(16_777_216), rich)).toThrow(expect.objectContaining({ code: 'channel-size' }))
    expect(costOf(wish(16_777_216), { ...rich, large: true }).amount).toBe(sat(16_777_216))
  })

  it('without the coins for it, its fee and the reserve: to the sat', () => {
    const exact = { ...rich, confirmed: sat(1_010_300) }
    expect(costOf(wish(1_000_000), exact).total).toBe(sat(1_000_300))
    const short = { ...exact, confirmed: sat(1_010_299), unconfirmed: sat(5) }
    expect(() => costOf(wish(1_000_000), short)).toThrow(
      expect.objectContaining({
        code: 'funds-insufficient',
        message: expect.stringMatching(/takes 1 010 300 sat .* has 1 010 299 sat; 5 sat more wait for a block/),
        details: { needed: '1010300000', left: '1010299000' },
      }),
    )
  })
})

it('says what is set aside, and until when', () => {
  const locked = { ...rich, confirmed: ZERO, setAside: sat(4_000_000), setAsideUntil: '2026-01-02T03:04:05.000Z' }
  expect(() => costOf(wish(1_000_000), locked)).toThrow(
    /has 0 sat; 4 000 000 sat more are set aside .* until 03:04 UTC/,
  )
})

it('no part of a channel is counted twice, at any size and fee', () => {
  const amounts = fc.tuple(
    fc.integer({ min: 20_000, max: 16_777_215 }),
    fc.nat(16_777_215),
    fc.integer({ min: 1, max: 1000 }),
  )
  fc.assert(
    fc.property(amounts, ([amount, push, satPerVbyte]) => {
      const of = wish(amount, push)
      try {
        checkWish(of)
      } catch {
        return
      }
      const { canSend, canReceive } = costOf(of, { ...rich, satPerVbyte })
      expect(canSend + canReceive).toBeLessThan(of.amount)
      expect(canReceive).toBeLessThanOrEqual(of.push)
    }),
  )
})

it.each(NETWORK_NAMES)('estimates on %s with an address of that network', (network) => {
  expect(addressNetworks(sampleAddress(network))).toContain(network)
})
