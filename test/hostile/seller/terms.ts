import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type Attack, mustBe } from '../attack.ts'
import { AHEAD, claiming, film, mustHavePaid, type Sale, sell, worst } from '../sale.ts'
import { tokenEvent } from '../speaker/goods.ts'
import type { Lies } from '../speaker/seller.ts'

const OTHER_KEY = bytesToHex(secp256k1.getPublicKey(new Uint8Array(32).fill(9), true))

/** What was accepted is compared with what comes back, before anything is paid. */
export const otherTerms: Attack = {
  name: 'other-terms',
  side: 'seller',
  what: 'answers an acceptance with an agreement on other terms: price, unit, credit, smallest payment, payee, network, scope',
  async run(stage) {
    const changes: ReadonlyArray<Readonly<Record<string, unknown>>> = [
      { amount: '10000' },
      { per: '1' },
      { unitType: 'token' },
      { unitType: 'page' },
      { credit: { start: '5000', max: '5000', ramp: '0' } },
      { smallestPayment: '5000' },
      { methodDetails: { network: 'regtest', payee: OTHER_KEY } },
      { methodDetails: { network: 'mainnet', payee: stage.purse.publicKey } },
      { scope: '/other' },
      { invoices: 'none' },
      { secret: 'short' },
    ]
    const sales: Sale[] = []
    for (const change of changes) {
      const agreement: Lies['agreement'] = (json) => ({ ...json, ...change })
      sales.push(await sell(stage, { lies: { agreement, use: async (visit) => void (await film(visit, 40)) } }))
    }
    return worst(sales, { bound: 0n })
  },
}

/** The price rises while the buyer comes back for more. */
export const dearerLater: Attack = {
  name: 'dearer-in-mid-stream',
  side: 'seller',
  what: 'delivers a first film, then answers 402 with an offer a hundred times dearer, to buyers with a limit and without',
  async run(stage) {
    const lies = (): Lies => {
      let uses = 0
      return {
        offer: (offer, n) => (n === 0 ? offer : { ...offer, price: { ...offer.price, msat: offer.price.msat * 100n } }),
        use: async (visit) => {
          if (uses++ > 0 && uses < 3) return visit.stall.paymentRequired(visit.outgoing)
          if (await film(visit, uses === 1 ? 12 : 1)) visit.outgoing.end()
        },
      }
    }
    const limited = await sell(stage, { lies: lies(), order: { fetches: 2, maxPrice: '2 sat/KiB' } })
    const open = await sell(stage, { lies: lies(), order: { fetches: 2 } })
    for (const sale of [limited, open]) mustHavePaid(sale)
    mustBe(limited.purchase.agreements === 1, 'the dearer offer was accepted')
    const bound = AHEAD * BigInt(Math.max(...[limited, open].map(({ purchase }) => purchase.agreements)))
    return worst([limited, open], { bound })
  },
}

const FETCHES = 6

/** A 402 to everything: each round may cost what is paid ahead on a new agreement, and each fetch makes one round. */
export const endlessRounds: Attack = {
  name: 'endless-402-rounds',
  side: 'seller',
  what: `takes the money and answers 402 with a slightly cheaper offer to every use, over ${FETCHES} fetches`,
  async run(stage) {
    const sale = await sell(stage, {
      lies: {
        // Cheaper each time: a dearer offer is met by the agreement that is there.
        offer: (offer, n) => ({ ...offer, price: { ...offer.price, msat: offer.price.msat - BigInt(n) } }),
        use: async ({ stall, outgoing }) => {
          await new Promise((resolve) => setTimeout(resolve, 300))
          stall.paymentRequired(outgoing)
        },
      },
      order: { fetches: FETCHES },
    })
    const { agreements } = sale.purchase
    mustBe(agreements > 1, 'no further agreement was made')
    return worst([sale], {
      tries: FETCHES,
      bound: AHEAD * BigInt(agreements),
      also: [{ measure: 'agreements made', loss: BigInt(agreements), bound: BigInt(2 * FETCHES) }],
    })
  },
}

/** Counter-offers without end: the buyer counts the rounds by itself. */
export const endlessHaggling: Attack = {
  name: 'endless-haggling',
  side: 'seller',
  what: 'answers every acceptance with another counter-offer',
  async run(stage) {
    const sale = await sell(stage, {
      lies: {
        offer: (offer) => ({ ...offer, negotiable: true }),
        accept: ({ stall, outgoing }) => stall.paymentRequired(outgoing),
      },
    })
    const accepts = BigInt(sale.stall.asked.counts.accept ?? 0)
    return worst([sale], { bound: 0n, also: [{ measure: 'acceptances sent', loss: accepts, bound: 16n }] })
  },
}

/** Says that more is missing than the buyer would ever be ahead. */
export const hugeDue: Attack = {
  name: 'huge-due',
  side: 'seller',
  what: 'pauses after 16 KiB, and after three tokens, and states that a whole bitcoin is due before the next step',
  async run(stage) {
    const due = 100_000_000_000n as never
    const statement: Lies['statement'] = (honest) => claiming(honest, honest.steps, { due, state: 'paused' })
    const hold = () => new Promise<void>(() => {})
    const sales = await Promise.all([
      sell(stage, { lies: { statement, use: async (visit) => void ((await film(visit, 16)) && (await hold())) } }),
      sell(stage, {
        price: '1 sat/token',
        worth: (fetched) => fetched.reduce((sum, { tokens }) => sum + BigInt(tokens), 0n),
        lies: {
          statement,
          use: async ({ outgoing, deal }) => {
            outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
            for (let i = 0; i < 3; i++) outgoing.write(tokenEvent('w'))
            if (deal) deal.steps += 3n
            await hold()
          },
        },
      }),
    ])
    for (const sale of sales) mustHavePaid(sale)
    return worst(sales)
  },
}
