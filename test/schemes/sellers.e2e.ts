import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { sat } from '../../src/money/msat.ts'
import { noSellers, type Sellers, startSellers } from './sellers.ts'

const missing = noSellers()

describe.skipIf(missing)(`our buyer pays${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let pair: EmbeddedPair
  let sellers: Sellers
  const buyers: Buyer[] = []
  beforeAll(async () => {
    pair = await embeddedPair()
    sellers = await startSellers(pair.seller)
  })
  afterEach(async () => {
    await Promise.allSettled(buyers.splice(0).map((buyer) => buyer.close({ keep: true })))
  })
  afterAll(async () => {
    await sellers?.close()
    await pair?.close()
  })

  const open = (options: Partial<BuyerOptions> = {}) => {
    const journal = openJournal(':memory:')
    const buyer = createBuyer({ node: pair.buyer, journal, ...options })
    buyers.push(buyer)
    const get = async (path: string) => {
      const response = await buyer.fetch(`${sellers.url}${path}`)
      return [response.status, await response.text()]
    }
    const paid = async () => (await journal.payments()).map(({ status, amount }) => [status, amount])
    return { buyer, journal, get, paid }
  }

  test('unmodified lightning-toll: a token for each path, used again, whatever its form', async () => {
    const { get, paid, buyer, journal } = open()
    for (const _ of [1, 2, 3]) expect(await get('/toll/a')).toEqual([200, 'a for 5'])
    expect(await paid()).toEqual([['settled', sat(5)]])
    // Its tokens are for one path, and at another it says 401 of them.
    for (const _ of [1, 2]) expect(await get('/toll/b')).toEqual([200, 'b for 5'])
    expect(await get('/toll/a')).toEqual([200, 'a for 5'])
    expect(await paid()).toHaveLength(2)
    await buyer.close()
    const later = open({ journal })
    expect(await later.get('/toll/b')).toEqual([200, 'b for 5'])
    expect(await paid()).toHaveLength(2)
  })

  test('unmodified l402kit: a token for each request, of which it says 401 afterwards', async () => {
    const { get, paid, buyer } = open()
    for (const name of ['a', 'a', 'b', 'a']) expect(await get(`/kit/${name}`)).toEqual([200, `${name} for 4`])
    expect(await paid()).toEqual(new Array(4).fill(['settled', sat(4)]))
    expect(buyer.prepaid.map(({ uses }) => uses)).toEqual([1, 1, 1, 1])
  })

  test.each(['/toll/a', '/kit/a'])('nothing above the limits: %s', async (path) => {
    const { buyer, journal } = open({ maxRisk: '3 sat' })
    const error = await buyer.fetch(`${sellers.url}${path}`).catch((error) => error)
    expect(error).toMatchObject({ code: 'risk-too-high' })
    expect(await journal.payments()).toEqual([])
  })
})
