import { type Attack, mustBe } from '../attack.ts'
import { movedAtSeller } from '../losses.ts'
import { customer, film, inTurns, KIB, openShop } from '../shop.ts'
import { RawBuyer } from '../speaker/buyer.ts'
import { Line, nameOf, ownAddress, readJson } from '../speaker/http.ts'

const CREDIT = 1000n
/** `SellerOptions.maxUnpaidAgreements`: what bounds a gift to strangers. */
const PLACES = 200
const STRANGERS = 1000
const RAMP = 4n
const CHEATS = 16

/** Credit for everybody is a gift to everybody: what is given away is bounded by the places for agreements that never paid. */
export const manyForCredit: Attack = {
  name: 'many-agreements-for-credit',
  side: 'buyer',
  what: `opens ${STRANGERS} agreements at as many addresses for the credit of a sat that each starts with, and pays none`,
  async run(stage) {
    const shop = await openShop(stage, film({ credit: `${CREDIT} msat` }), { maxUnpaidAgreements: PLACES })
    const buyer = new RawBuyer(stage.node, shop.url)
    buyer.challenge = await buyer.ask()
    let given = 0n
    await inTurns(STRANGERS, 24, async () => {
      const line = new Line(ownAddress())
      const stranger: RawBuyer = Object.assign(new RawBuyer(stage.node, shop.url, line), { challenge: buyer.challenge })
      const answer = await stranger.accept([])
      if (answer.status === 200) {
        stranger.take(await readJson(answer))
        // More than the credit is asked for: what comes is counted, not what should.
        const bytes = await stranger.consume(2 * KIB, 300)
        given += BigInt(Math.ceil((bytes.length * 1000) / KIB))
        buyer.tally.add('200')
      } else buyer.tally.add(await nameOf(answer))
      line.end()
    })
    mustBe(given > 0n, 'no stranger was given anything')
    const { paid } = await movedAtSeller(stage, [buyer])
    const bound = CREDIT * BigInt(PLACES)
    return { tries: STRANGERS, measure: 'msat', loss: given - paid, bound, answers: buyer.tally.counts }
  },
}

/** With a ramp credit is earned: who pays and runs wins a fraction of what it paid. */
export const rampedCredit: Attack = {
  name: 'many-agreements-for-ramp',
  side: 'buyer',
  what: `earns credit that grows by a quarter of what is paid, takes it, leaves, and does so again with ${CHEATS} agreements`,
  async run(stage) {
    const credit = { start: 0n, max: 50_000n, ramp: RAMP }
    const shop = await openShop(stage, film({ credit }))
    const buyers = await inTurns(CHEATS, 4, async () => {
      const buyer = await customer(stage, shop, 8000n)
      await buyer.consume(undefined, 500)
      return buyer
    })
    const given = buyers.reduce((sum, { received }) => sum + BigInt(Math.ceil((received * 1000) / KIB)), 0n)
    const { paid } = await movedAtSeller(stage, buyers)
    mustBe(given > paid, 'no credit was taken')
    return { tries: CHEATS, measure: 'msat', loss: given - paid, bound: paid / RAMP }
  },
}
