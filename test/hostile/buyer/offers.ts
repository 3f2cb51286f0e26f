import { comparePrices, type Price, parsePrice } from '../../../src/money/price.ts'
import { type Challenge, createChallenge } from '../../../src/wire/challenge.ts'
import { decodeJson, encodeJson } from '../../../src/wire/encoding.ts'
import { parseChallenges } from '../../../src/wire/header.ts'
import { decodeOffer } from '../../../src/wire/offer.ts'
import { type Attack, mustBe, sleep } from '../attack.ts'
import { lossOfSeller } from '../losses.ts'
import { customer, film, inTurns, KIB, openShop, PRICE, PRICE_TEXT, workSince } from '../shop.ts'
import { RawBuyer, randomHex } from '../speaker/buyer.ts'
import { nameOf, readBytes, readJson } from '../speaker/http.ts'

/** Every way to make a seller's offer better by hand. */
function forgeries(honest: Challenge, foreign: Challenge): Challenge[] {
  const json = decodeJson(honest.request, 'challenge-malformed') as Record<string, unknown>
  const altered = (change: Record<string, unknown>): Challenge => ({
    ...honest,
    request: encodeJson({ ...json, ...change }),
  })
  const offer = decodeOffer(honest.request)
  const own = createChallenge({
    secret: new Uint8Array(32).fill(1),
    realm: honest.realm,
    offer: { ...offer, price: { ...offer.price, msat: 1n } },
    expiresAtMs: Date.now() + 60_000,
  })
  const { expires: _, ...endless } = honest
  return [
    altered({ amount: '1' }),
    altered({ per: '1000000' }),
    altered({ credit: { start: '1000000', max: '1000000', ramp: '0' } }),
    altered({ smallestPayment: '1' }),
    altered({ unitType: 'request' }),
    altered({ negotiable: true }),
    altered({ scope: '/elsewhere' }),
    altered({ methodDetails: { network: 'regtest', payee: `02${'ab'.repeat(32)}` } }),
    { ...honest, expires: new Date(Date.now() + 86_400_000).toISOString() },
    endless,
    { ...honest, realm: 'elsewhere' },
    { ...honest, realm: `${honest.realm}|lightning` },
    { ...honest, digest: 'x' },
    { ...honest, opaque: 'x' },
    { ...honest, id: honest.id.slice(0, -1) },
    { ...honest, id: own.id },
    own,
    foreign,
  ]
}

export const forgedOffer: Attack = {
  name: 'forged-offer',
  side: 'buyer',
  what: 'accepts offers with any part altered, made with another secret, taken from another seller, or past their time',
  async run(stage) {
    const shop = await openShop(stage)
    const other = await openShop(stage)
    const brief = await openShop(stage, film({ offerLifeMs: 1 }))
    const buyer = new RawBuyer(stage.node, shop.url)
    const honest = await buyer.ask()
    const late = new RawBuyer(stage.node, brief.url)
    late.challenge = await late.ask()
    await sleep(1500)
    const before = await stage.seller.calls.figures(shop.id)
    let agreements = 0
    const forged = forgeries(honest, await buyer.ask(other.url))
    for (const challenge of forged) {
      buyer.challenge = challenge
      const answer = await buyer.accept([1000n])
      if (answer.status === 200) agreements++
      buyer.tally.add(await nameOf(answer))
    }
    const answer = await late.accept([1000n])
    if (answer.status === 200) agreements++
    buyer.tally.add(await nameOf(answer))
    const { nodeCalls, writes } = await workSince(stage, shop, before)
    // The offer itself is good: what was refused was refused for what had been altered.
    buyer.challenge = honest
    mustBe((await buyer.accept([])).status === 200, 'the honest offer is refused as well')
    return {
      tries: forged.length + 1,
      measure: 'agreements made',
      loss: BigInt(agreements),
      bound: 0n,
      also: [
        { measure: 'node calls', loss: nodeCalls, bound: 0n },
        { measure: 'writes', loss: writes, bound: 0n },
      ],
      answers: buyer.tally.counts,
    }
  },
}

const FLOOR = '600 msat/KiB'
const BIDS = 300

/** Bids without end: each is cheap, none is taken below the floor, and none makes the node work. */
export const biddingLoop: Attack = {
  name: 'bidding-loop',
  side: 'buyer',
  what: `makes ${BIDS} bids far below the floor, on fresh offers and on counter-offers, some of them for credit`,
  async run(stage) {
    const shop = await openShop(stage, film({ floor: FLOOR }))
    const buyer = new RawBuyer(stage.node, shop.url)
    const before = await stage.seller.calls.figures(shop.id)
    const floor = parsePrice(FLOOR)
    let lowest: Price = PRICE
    let agreements = 0
    buyer.challenge = await buyer.ask()
    for (let i = 0; i < BIDS; i++) {
      const credit = i % 3 === 0 ? { credit: { start: 1_000_000n, max: 1_000_000n, ramp: 0n } } : {}
      const bid = { amount: BigInt(1 + (i % 599)), per: BigInt(KIB), ...credit }
      const answer = await buyer.accept([1000n], { bid: bid as never })
      if (answer.status === 200) agreements++
      const [counter] = parseChallenges(answer.headers['www-authenticate'] ?? '')
      buyer.tally.add(await nameOf(answer))
      buyer.challenge = counter ?? (await buyer.ask())
      const { price } = decodeOffer(buyer.challenge.request)
      if (comparePrices(price, lowest) < 0) lowest = price
    }
    const { nodeCalls, writes } = await workSince(stage, shop, before)
    mustBe(comparePrices(lowest, PRICE) < 0, 'no counter-offer was heard')
    return {
      tries: BIDS,
      measure: 'agreements below the floor',
      loss: BigInt(agreements) + (comparePrices(lowest, floor) < 0 ? 1n : 0n),
      bound: 0n,
      also: [
        { measure: 'node calls', loss: nodeCalls, bound: 0n },
        { measure: 'writes', loss: writes, bound: 0n },
      ],
      answers: buyer.tally.counts,
    }
  },
}

/** One seller, two prices: what was agreed for the cheap one must open nothing of the dear one. */
export const dearerScope: Attack = {
  name: 'dearer-scope',
  side: 'buyer',
  what: 'uses a paid agreement for something cheap on something a thousand times dearer, and accepts the cheap offer there',
  async run(stage) {
    const shop = await stage.seller.calls.open({
      walls: { '/': film({ price: '1 msat/KiB' }), '/dear': film({ price: PRICE_TEXT }) },
    })
    const buyer = await customer(stage, shop, 1000n)
    const dear = new RawBuyer(stage.node, `${shop.url}/dear`)
    Object.assign(dear, { challenge: buyer.challenge, deal: buyer.deal })
    let tries = 0
    for (const url of [`${shop.url}/dear`, `${shop.url}/dear?cheap`, `${shop.url}/./dear`, `${shop.url}/%2e/dear`]) {
      await dear.goods(await dear.use(url))
      tries++
    }
    const answer = await dear.accept([1000n], { nonce: randomHex(16) })
    tries++
    if (answer.status === 200) {
      dear.take(await readJson(answer))
      await dear.payFirst()
      await dear.consume()
    } else {
      dear.tally.add(await nameOf(answer))
      await readBytes(answer)
    }
    await buyer.consume(64 * KIB)
    mustBe(buyer.received > 0, 'the agreement does not even open what it was made for')
    const loss = await lossOfSeller(stage, [dear], PRICE, BigInt(dear.received))
    return { tries, measure: 'msat', loss, bound: 0n, answers: dear.tally.counts }
  },
}

/** Money that comes too late is still the buyer's, and buys nothing. */
export const lateMoney: Attack = {
  name: 'pay-after-close',
  side: 'buyer',
  what: 'pays eight invoices after the agreement was closed, reads on, and claims more than their sum',
  async run(stage) {
    const shop = await openShop(stage)
    const buyer = await customer(stage, shop, 4000n)
    const invoices = await buyer.invoices(Array.from({ length: 8 }, () => 1000n))
    mustBe(invoices.length === 8, 'the seller makes no invoices')
    await buyer.consume()
    mustBe(buyer.received > 0, 'nothing came, not even what was paid for')
    await buyer.close()
    for (const invoice of invoices) mustBe((await buyer.pay(invoice)).status === 'settled', 'a late payment failed')
    await inTurns(4, 4, async () => void (await buyer.consume()))
    await buyer.askBack(await buyer.mint(12_000n))
    await buyer.askBack(await buyer.mint(8001n))
    await buyer.askBack(await buyer.mint(8000n))
    const loss = await lossOfSeller(stage, [buyer], PRICE, BigInt(buyer.received))
    return { tries: 8, measure: 'msat', loss, bound: 0n, answers: buyer.tally.counts }
  },
}
