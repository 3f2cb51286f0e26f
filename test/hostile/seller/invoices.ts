import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Msat } from '../../../src/money/msat.ts'
import { msat } from '../../../src/money/msat.ts'
import { type InvoiceParts, makeInvoice } from '../../../src/wire/testing/invoice.ts'
import { type Attack, mustBe } from '../attack.ts'
import { AHEAD, film, mustHavePaid, type Sale, sell, worst } from '../sale.ts'
import { randomHex } from '../speaker/buyer.ts'
import type { Deal, Lies } from '../speaker/seller.ts'

type Mint = NonNullable<Lies['mint']>

/** A key at hand, for invoices that no node would make. Offers of these stalls name it as their payee. */
const KEY = new Uint8Array(32).fill(11)
const OWN = bytesToHex(secp256k1.getPublicKey(KEY, true))

const forged = (change: (parts: InvoiceParts) => InvoiceParts): Mint => {
  return async (amounts, { agreement }) =>
    amounts.map((amount) =>
      makeInvoice(
        change({
          privateKey: KEY,
          network: 'regtest',
          amount,
          paymentHash: randomHex(32),
          description: `stream ${agreement.id}`,
          createdAtMs: Date.now(),
          expiresInSeconds: 600,
        }),
      ),
    )
}

const times =
  (factor: bigint): Mint =>
  (amounts, deal, stall) =>
    stall.mint(
      amounts.map((amount) => msat(amount * factor)),
      deal,
    )

/** The same deal under another agreement's id: its invoices name that one. */
const elsewhere = (deal: Deal): Deal => ({ ...deal, agreement: { ...deal.agreement, id: 'cd'.repeat(16) } })

/** Payable invoices of the seller's own node, each altered; and such as no node makes, by a key that the offer names. */
const BAD: ReadonlyArray<readonly [what: string, mint: Mint, payee?: string]> = [
  ['ten times the amount', times(10n)],
  [
    'a thousandth of the amount',
    (amounts, deal, stall) =>
      stall.mint(
        amounts.map(() => msat(1n)),
        deal,
      ),
  ],
  ['one invoice too many', (amounts, deal, stall) => stall.mint([...amounts, ...amounts], deal)],
  ['one that is about to expire', (amounts, deal, stall) => stall.mint(amounts, deal, 5)],
  ['for another agreement', (amounts, deal, stall) => stall.mint(amounts, elsewhere(deal))],
  ['without an amount', forged(({ amount: _, ...rest }) => rest), OWN],
  ['for another network', forged((parts) => ({ ...parts, network: 'mainnet' })), OWN],
  ['for another payee', forged((parts) => ({ ...parts, privateKey: new Uint8Array(32).fill(12) })), OWN],
  ['expired', forged((parts) => ({ ...parts, createdAtMs: Date.now() - 3_600_000 })), OWN],
  ['altered after it was signed', async (amounts, deal, stall) => (await stall.mint(amounts, deal)).map(flip)],
  ['not an invoice', async (amounts) => amounts.map(() => 'lnbcrt1nothing')],
]

/** Changes a character of the data, so that neither the checksum nor the signature fits. */
const flip = (request: string): string => {
  const at = Math.floor(request.length / 2)
  return request.slice(0, at) + (request[at] === 'q' ? 'p' : 'q') + request.slice(at + 1)
}

/** What is asked of the buyer's node, settled or not: an invoice that is not what was agreed must never get there. */
const attempts = (sales: readonly Sale[]) => ({
  measure: 'payments attempted',
  loss: BigInt(sales.reduce((sum, { purchase }) => sum + purchase.attempts.length, 0)),
  bound: 0n,
})

export const badInvoices: Attack = {
  name: 'bad-first-invoices',
  side: 'seller',
  what: `comes with first invoices that are not what was agreed: ${BAD.map(([what]) => what).join(', ')}`,
  async run(stage) {
    const sales: Sale[] = []
    for (const [, mint, payee] of BAD) {
      const lies = { mint, use: async (visit: Parameters<typeof film>[0]) => void (await film(visit, 40)) }
      sales.push(await sell(stage, { lies, ...(payee !== undefined && { payee }) }))
    }
    return worst(sales, { bound: 0n, also: [attempts(sales)] })
  },
}

/** The first invoices are good; what comes later is not. */
const later =
  (bad: Mint): Mint =>
  (amounts, deal, stall) =>
    deal.minted.size === 0 ? stall.mint(amounts, deal) : bad(amounts, deal, stall)

export const badLaterInvoices: Attack = {
  name: 'bad-later-invoices',
  side: 'seller',
  what: 'sends good first invoices, and then larger ones, too many, altered ones, and some that are none',
  async run(stage) {
    const sales: Sale[] = []
    for (const [what, mint] of BAD.filter(([, , payee]) => payee === undefined)) {
      const lies = { mint: later(mint), use: async (visit: Parameters<typeof film>[0]) => void (await film(visit, 60)) }
      const sale = await sell(stage, { lies })
      mustBe(sale.paid > 0n, `nothing was paid before: ${what}`)
      sales.push(sale)
    }
    return worst(sales)
  },
}

/** An invoice that was paid is shown again, on its own agreement and on the next: it is never sent twice. */
export const sameInvoice: Attack = {
  name: 'same-invoice-again',
  side: 'seller',
  what: 'shows invoices again that were paid: on the same agreement, where they are asked for, and as the first ones of the next',
  async run(stage) {
    /** Shows what it has of an amount, once `again` says so. */
    const remembering = (again: (deal: Deal) => boolean): Mint => {
      const shown = new Map<Msat, string>()
      return (amounts, deal, stall) =>
        Promise.all(
          amounts.map(async (amount) => {
            const known = again(deal) ? shown.get(amount) : undefined
            const request = known ?? (await stall.mint([amount], deal))[0]!
            shown.set(amount, request)
            return request
          }),
        )
    }
    const onSame = await sell(stage, {
      lies: {
        mint: remembering(() => true),
        use: async (visit) => void ((await film(visit, 60)) && visit.outgoing.end()),
      },
    })
    let first: Deal | undefined
    let uses = 0
    const onNext = await sell(stage, {
      lies: {
        mint: remembering((deal) => {
          first ??= deal
          return deal !== first
        }),
        // The second agreement is made because the first is said to be gone, and a cheaper one is offered.
        offer: (offer, n) => ({ ...offer, price: { ...offer.price, msat: offer.price.msat - BigInt(n) } }),
        use: async (visit) => {
          if (uses++ === 1) return visit.stall.paymentRequired(visit.outgoing)
          if (await film(visit, 24)) visit.outgoing.end()
        },
      },
      order: { fetches: 2 },
    })
    for (const sale of [onSame, onNext]) mustHavePaid(sale)
    const agreements = onNext.stall.asked.counts.accept ?? 0
    mustBe(agreements === 2, 'no second agreement was made')
    const twice = [onSame, onNext].reduce((sum, { purchase }) => {
      const hashes = purchase.attempts.map(({ paymentHash }) => paymentHash)
      return sum + hashes.length - new Set(hashes).size
    }, 0)
    return worst([onSame, onNext], {
      bound: BigInt(agreements) * AHEAD,
      also: [{ measure: 'payments sent twice', loss: BigInt(twice), bound: 0n }],
    })
  },
}
