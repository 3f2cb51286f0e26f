import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { generator } from '../../src/cli/simulate/draw.ts'
import { readBuyer, readSeller } from '../../src/cli/simulate/players.ts'
import { toStreamError } from '../../src/errors/error.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { comparePrices, type Price, price } from '../../src/money/price.ts'
import { PricedRoute } from '../../src/seller/paywall.ts'
import { Seller } from '../../src/seller/seller.ts'
import { NO_CREDIT } from '../../src/terms/credit.ts'
import { negotiate } from '../../src/terms/negotiate.ts'
import type { Offer } from '../../src/terms/terms.ts'

const BUYERS = ['fixed', 'concede', 'concede:10%,8', 'concede+pieces']
const SELLERS = ['fixed', 'floor', 'volume']

/** What the simulator plays without a wire, and what a buyer and a seller come to over HTTP. */
test('a simulated negotiation ends as the same one does between a buyer and a seller', async () => {
  const nodes = scriptedPair()
  const part = (thousandths: number): Price => price(BigInt(thousandths), 1000n, 'byte')
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...BUYERS),
      fc.constantFrom(...SELLERS),
      fc.nat(1_000_000),
      fc.integer({ min: 1, max: 8 }),
      async (buyerText, sellerText, seed, rounds) => {
        const random = generator(seed)
        const within = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))
        const least = within(400, 1000)
        const [limit, floor, listed] = [part(within(400, 1600)), part(least), part(within(least, 1600))]
        const [buyer, seller] = [await readBuyer(buyerText), await readSeller(sellerText)]
        const offer: Offer = {
          ...{ price: listed, credit: NO_CREDIT, smallestPayment: 1000n as Offer['smallestPayment'], scope: 'x' },
          ...{ network: 'regtest', payee: nodes.seller.publicKey, negotiable: seller.negotiable, round: 0 },
        }
        const policy = seller.make({ floor, listed })
        const simulated = negotiate(policy, buyer.make([limit]), offer, rounds, { limits: [limit], floor, streams: 0 })

        const shop = new Seller({ node: nodes.seller })
        const haggling = seller.negotiable ? { policy, floor, rounds } : {}
        const route = new PricedRoute(shop, { price: listed, scope: 'x', ...haggling })
        const fetch: typeof globalThis.fetch = (input, init) =>
          route.handle(() => new Response('x'), new Request(input, init))
        const real = createBuyer({
          node: nodes.buyer,
          strategy: buyer.make([limit]),
          maxPrice: limit,
          fetch,
          insecure: true,
        })
        const answer = await real.fetch('http://shop.example/').catch((error: unknown) => toStreamError(error))
        if ('agreed' in simulated) {
          expect(answer).toBeInstanceOf(Response)
          await (answer as Response).text()
          expect(comparePrices(real.trades[0]!.price, simulated.agreed.price)).toBe(0)
        } else expect(answer).toMatchObject({ code: simulated.code })
        await real.close()
        await shop.close()
      },
    ),
    { numRuns: 120 },
  )
})
