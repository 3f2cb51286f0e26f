import { createBuyer } from '../../src/buyer/buyer.ts'
import { parseMsat } from '../../src/money/msat.ts'
import { type Figure, round, sleep } from '../figure.ts'
import { embeddedPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const TOKENS = 2000
const PER_SECOND = 100
const WINDOW = '20 sat'
const GOAL = 0.02

/**
 * The most that each side ever had at stake while an answer of 2,000 tokens was sold as it came, beside a bundle that sells the same.
 *
 * The bundle (an L402, a deposit, a prepaid session) is taken at its best: exactly as large as the work, which nobody knows beforehand. It is paid before
 * its first unit, so that its whole price is at the buyer's risk then, and what is unspent at every moment after; the seller risks nothing.
 */
export async function risk(): Promise<Figure> {
  const pair = await embeddedPair()
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 sat/token',
    credit: WINDOW,
    source: { kind: 'tokens', count: TOKENS, everyMs: 1000 / PER_SECOND },
  })
  await pair.connect(shop.publicKey)
  const buyer = createBuyer({ node: pair.buyer, max: '100 000 sat', ahead: WINDOW })
  const response = await buyer.fetch(shop.url)
  await response.text()
  // What is on its way settles, so that both books are whole.
  await sleep(1000)
  const trade = buyer.trades[0]!
  const account = (await shop.accounts()).find(({ agreement }) => agreement === trade.agreement)!
  const [closing] = await buyer.close()
  await shop.close()
  await pair.close()
  const statement = closing?.statement
  if (statement?.steps !== BigInt(TOKENS) || closing?.dispute) throw new Error('the work was not sold whole')
  // By the closing statement, which the seller signed and the buyer checked.
  const bundle = Number(statement.delivered)
  const [seller, payer, window] = [Number(account.maxUnpaid), Number(trade.maxAhead), Number(parseMsat(WINDOW))]
  const worst = Math.max(seller, payer)
  const ratio = round(worst / bundle)
  return {
    name: 'risk',
    value: worst,
    unit: 'msat',
    counterpart: 'a prepaid bundle exactly as large as the same work, paid before its first unit: its unspent balance',
    counterpartValue: bundle,
    ratio,
    goal: `ratio <= ${GOAL}, each side <= its window`,
    held: ratio <= GOAL && seller <= window && payer <= window,
    note:
      `seller at most ${seller} msat delivered and unpaid (bundle: 0), buyer at most ${payer} msat paid or in flight and not received (bundle: ${bundle}), of ${window} msat a side; ` +
      `${TOKENS} tokens at 1 sat, ${PER_SECOND} a second, ${trade.payments} payments, stalled ${Math.round(trade.stallMs)} ms; by the accounts of both sides`,
  }
}
