import { type Attack, mustBe } from '../attack.ts'
import { lossOfSeller } from '../losses.ts'
import { customer, film, openShop, PRICE } from '../shop.ts'
import { Line, ownAddress } from '../speaker/http.ts'

const CREDIT = 5000n
const TRIES = 3
const CLIENTS = 64

/** Pays the smallest payment that is taken, and reads as if all were paid. */
export const underpaying: Attack = {
  name: 'under-paying',
  side: 'buyer',
  what: 'pays one sat for a film of 4 MiB and reads on until nothing more comes',
  async run(stage) {
    const shop = await openShop(stage, film({ credit: `${CREDIT} msat` }))
    const losses: bigint[] = []
    for (let i = 0; i < TRIES; i++) {
      const buyer = await customer(stage, shop, 1000n)
      await buyer.consume()
      mustBe(buyer.received > 0, 'nothing came, not even what was paid for')
      losses.push(await lossOfSeller(stage, [buyer], PRICE, BigInt(buyer.received)))
    }
    return { tries: TRIES, measure: 'msat', loss: losses.reduce((a, b) => (a > b ? a : b)), bound: CREDIT }
  },
}

/** One agreement, its secret handed to many: each may read, all together no more than was paid. */
export const sharedSecret: Attack = {
  name: 'shared-secret',
  side: 'buyer',
  what: 'hands one paid agreement to 64 clients at 64 addresses, which all use it at once',
  async run(stage) {
    const shop = await openShop(stage, film({ credit: `${CREDIT} msat` }))
    const buyer = await customer(stage, shop, 4000n)
    const lines = Array.from({ length: CLIENTS }, () => new Line(ownAddress()))
    await Promise.all(
      lines.map(async (line) => {
        const friend = Object.assign(Object.create(buyer), { line })
        const bytes = await friend.consume()
        // `received` was counted on the friend, who is another object.
        buyer.received += bytes.length
        line.end()
      }),
    )
    mustBe(buyer.received > 0, 'nothing came, not even what was paid for')
    const loss = await lossOfSeller(stage, [buyer], PRICE, BigInt(buyer.received))
    return { tries: CLIENTS, measure: 'msat', loss, bound: CREDIT, answers: buyer.tally.counts }
  },
}
