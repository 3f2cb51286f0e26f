import { formatCredential } from '../../../src/wire/credential.ts'
import { type Attack, mustBe } from '../attack.ts'
import { lossOfSeller } from '../losses.ts'
import { customer, film, inTurns, openShop, PRICE, trailer, withBalance } from '../shop.ts'
import { RawBuyer, randomHex } from '../speaker/buyer.ts'
import { nameOf, readJson } from '../speaker/http.ts'

const REPEATS = 100
/** Invoices that an agreement may have open before it paid: `src/seller/README.md`. */
const UNPAID_INVOICES = 16n

/** The same acceptance many times at once: it must make one agreement, and no heap of invoices. */
export const replayAccept: Attack = {
  name: 'replay-accept',
  side: 'buyer',
  what: 'sends one acceptance (same challenge, same nonce) 100 times, 20 at once, each time with an invoice to be made',
  async run(stage) {
    const shop = await openShop(stage)
    const buyer = new RawBuyer(stage.node, shop.url)
    buyer.challenge = await buyer.ask()
    const nonce = randomHex(16)
    const ids = new Set<string>()
    await inTurns(REPEATS, 20, async () => {
      const answer = await buyer.accept([1000n], { nonce })
      if (answer.status !== 200) return buyer.tally.add(await nameOf(answer))
      buyer.tally.add('200')
      buyer.take(await readJson(answer))
      ids.add(buyer.deal.agreement.id)
    })
    mustBe(ids.size > 0, 'no acceptance was heard')
    return {
      tries: REPEATS,
      measure: 'further agreements',
      loss: BigInt(ids.size - 1),
      bound: 0n,
      also: [{ measure: 'invoices made', loss: BigInt(buyer.given.size), bound: UNPAID_INVOICES }],
      answers: buyer.tally.counts,
    }
  },
}

/** A preimage proves a payment to its payer's peers too, and so must open nothing. */
export const replayPreimage: Attack = {
  name: 'replay-preimage',
  side: 'buyer',
  what: 'shows the preimages of payments as secrets, as credentials, and for another agreement that was never paid',
  async run(stage) {
    const shop = await openShop(stage)
    const payer = await new RawBuyer(stage.node, shop.url).agree([1000n, 1000n])
    const preimages = await Promise.all(
      payer.deal.invoices.map(async (request) => {
        const outcome = await payer.pay(request)
        mustBe(outcome.status === 'settled', `the payment is ${outcome.status}`)
        return outcome.preimage
      }),
    )
    const thief = await new RawBuyer(stage.node, shop.url).agree([])
    const agreements = [payer.deal.agreement.id, thief.deal.agreement.id]
    const { challenge } = thief
    let tries = 0
    for (const preimage of preimages) {
      for (const agreement of agreements) {
        await thief.goods(await thief.send({ action: 'use', agreement, secret: preimage }))
        const proofs = [
          { preimage },
          { action: 'use', agreement, preimage },
          { ...thief.proof, action: 'use', agreement, preimage },
        ]
        for (const payload of proofs) {
          const authorization = formatCredential({ challenge, payload: payload as never })
          await thief.goods(await thief.line.send(shop.url, { authorization }))
        }
        tries += 1 + proofs.length
      }
    }
    const loss = await lossOfSeller(stage, [thief], PRICE, BigInt(thief.received))
    return { tries, measure: 'msat', loss, bound: 0n, answers: thief.tally.counts }
  },
}

/** The same invoice for two agreements, and paid again and again: it counts once, where it belongs. */
export const replayInvoice: Attack = {
  name: 'replay-invoice',
  side: 'buyer',
  what: 'pays one invoice five times, reads on its agreement, and then on a second one as if it had been paid for that',
  async run(stage) {
    const shop = await openShop(stage)
    const first = await customer(stage, shop, 3000n)
    for (let i = 0; i < 5; i++) await first.pay(first.deal.invoices[0]!)
    const second = await new RawBuyer(stage.node, shop.url).agree([])
    for (const buyer of [first, second]) await buyer.consume()
    mustBe(first.received > 0, 'nothing came, not even what was paid for')
    const received = BigInt(first.received + second.received)
    const loss = await lossOfSeller(stage, [first, second], PRICE, received)
    return { tries: 6, measure: 'msat', loss, bound: 0n, answers: second.tally.counts }
  },
}

/** A closed agreement is closed: no use, no invoices, no second life by its acceptance. */
export const replayClosed: Attack = {
  name: 'replay-closed',
  side: 'buyer',
  what: 'goes on with a closed agreement: uses it, asks for invoices, accepts again with its nonce, closes again, takes all back twice',
  async run(stage) {
    const shop = await openShop(stage, trailer())
    const nonce = randomHex(16)
    const buyer = await new RawBuyer(stage.node, shop.url).agree([20_000n], { nonce })
    await buyer.payFirst()
    await buyer.consume()
    const statement = (await buyer.close()) as { balance: string }
    await buyer.askBack(await buyer.mint(BigInt(statement.balance)))
    const { challenge } = buyer
    for (let i = 0; i < 5; i++) {
      await buyer.consume()
      await buyer.invoices([1000n])
      await buyer.act({ action: 'accept', nonce, invoices: [] })
      mustBe(buyer.challenge === challenge, 'the challenge is another one')
      const again = (await buyer.close()) as { balance: string } | undefined
      await buyer.askBack(await buyer.mint(BigInt(again?.balance ?? statement.balance)))
    }
    const loss = await lossOfSeller(stage, [buyer], PRICE, BigInt(buyer.received))
    return { tries: 25, measure: 'msat', loss, bound: 0n, answers: buyer.tally.counts }
  },
}

/** A use of the same credential again and again, at once and after the money is gone. */
export const replayCredential: Attack = {
  name: 'replay-credential',
  side: 'buyer',
  what: 'repeats one `use` 40 times, also in the middle of itself, after three sat were paid',
  async run(stage) {
    const shop = await openShop(stage, film({ graceMs: 300 }))
    const buyer = await customer(stage, shop, 3000n)
    await inTurns(40, 8, async () => void (await buyer.consume()))
    mustBe(buyer.received > 0, 'nothing came, not even what was paid for')
    const loss = await lossOfSeller(stage, [buyer], PRICE, BigInt(buyer.received))
    return { tries: 40, measure: 'msat', loss, bound: 0n, answers: buyer.tally.counts }
  },
}

/** Takes the balance of a stranger's agreement, knowing only its id: that is in every invoice. */
export const stolenId: Attack = {
  name: 'stolen-id',
  side: 'buyer',
  what: "uses, closes and claims another buyer's agreement by its id, with guessed secrets",
  async run(stage) {
    const owner = await withBalance(stage)
    const { shop } = owner
    const open = await customer(stage, shop, 10_000n)
    const thief = await new RawBuyer(stage.node, shop.url).agree([])
    const secrets = [thief.deal.secret, randomHex(32), '0'.repeat(64), open.deal.agreement.id.repeat(2)]
    for (const secret of secrets) {
      for (const { deal } of [owner.buyer, open]) {
        const proof = { agreement: deal.agreement.id, secret }
        await thief.goods(await thief.send({ action: 'use', ...proof }))
        await thief.act({ action: 'close', ...proof })
        await thief.act({ action: 'return', ...proof, invoice: await thief.mint(owner.balance) })
      }
    }
    const loss = await lossOfSeller(stage, [thief], PRICE, BigInt(thief.received))
    return { tries: secrets.length * 6, measure: 'msat', loss, bound: 0n, answers: thief.tally.counts }
  },
}
