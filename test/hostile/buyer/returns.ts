import { join } from 'node:path'
import { randomBytes } from '@noble/hashes/utils.js'
import { MAX_RETURNS } from '../../../src/ledger/ledger.ts'
import { startRemoteNode } from '../../../src/lightning/embedded/testing/remote.ts'
import { msat } from '../../../src/money/msat.ts'
import { costUp } from '../../../src/money/price.ts'
import { makeInvoice } from '../../../src/wire/testing/invoice.ts'
import { type Attack, mustBe, sleep } from '../attack.ts'
import { lossOfSeller, movedAtSeller } from '../losses.ts'
import { PRICE, withBalance } from '../shop.ts'
import { RawBuyer, randomHex } from '../speaker/buyer.ts'
import type { Stage } from '../stage.ts'

/** The seller's loss when all that was asked back has come or failed. */
const lossAfter = (stage: Stage, buyer: RawBuyer): Promise<bigint> =>
  lossOfSeller(stage, [buyer], PRICE, BigInt(buyer.received))

export const returnMore: Attack = {
  name: 'return-more',
  side: 'buyer',
  what: 'asks for a msat more than its balance, for twice as much, for all that was ever paid, and then in slices of a sat beyond its end',
  async run(stage) {
    const { buyer, balance } = await withBalance(stage)
    for (const amount of [balance + 1n, balance * 2n, 20_000n, 2_000_000_000n])
      await buyer.askBack(await buyer.mint(amount))
    const slices = Number(balance / 1000n) + 4
    for (let i = 0; i < slices; i++) await buyer.askBack(await buyer.mint(1000n))
    return {
      tries: 4 + slices,
      measure: 'msat',
      loss: await lossAfter(stage, buyer),
      bound: 0n,
      answers: buyer.tally.counts,
    }
  },
}

export const returnTwice: Attack = {
  name: 'return-twice',
  side: 'buyer',
  what: 'shows the same return invoice ten times, five of them at once',
  async run(stage) {
    const { buyer, balance } = await withBalance(stage)
    const invoice = await buyer.mint(balance)
    await Promise.all(Array.from({ length: 5 }, () => buyer.askBack(invoice)))
    for (let i = 0; i < 5; i++) await buyer.askBack(invoice)
    return { tries: 10, measure: 'msat', loss: await lossAfter(stage, buyer), bound: 0n, answers: buyer.tally.counts }
  },
}

export const returnAtOnce: Attack = {
  name: 'return-at-once',
  side: 'buyer',
  what: 'asks for its whole balance to twelve different invoices at the same instant',
  async run(stage) {
    const { buyer, balance } = await withBalance(stage)
    const invoices = await Promise.all(Array.from({ length: 12 }, () => buyer.mint(balance)))
    await Promise.all(invoices.map((invoice) => buyer.askBack(invoice)))
    return { tries: 12, measure: 'msat', loss: await lossAfter(stage, buyer), bound: 0n, answers: buyer.tally.counts }
  },
}

/** The payee of a return stands still with the payment in its hands: its money is neither there nor here, and is not paid again. */
export const returnHeld: Attack = {
  name: 'return-held',
  side: 'buyer',
  what: 'has its balance returned to a node that holds the payment and never settles it, asks again elsewhere meanwhile, and settles then',
  async run(stage) {
    const { buyer, balance } = await withBalance(stage)
    const holder = await startRemoteNode(join(stage.home, 'regtest'), `holder-${randomHex(2)}`)
    try {
      await holder.node.openChannelTo(await stage.seller.calls.publicKey())
      const request = { amount: msat(balance), description: 'held', expiresInSeconds: 600 }
      const [held] = await holder.node.createInvoices([request])
      holder.freeze()
      const first = buyer.askBack(held!.request)
      await sleep(500)
      for (let i = 0; i < 4; i++) await buyer.askBack(await buyer.mint(balance))
      holder.thaw()
      await first
      await sleep(1000)
      const arrived = holder.settlements.reduce((sum, { amount }) => sum + amount, 0n)
      const { paid, returned } = await movedAtSeller(stage, [buyer])
      const loss = costUp(PRICE, BigInt(buyer.received)) + returned + arrived - paid
      return { tries: 5, measure: 'msat', loss: loss > 0n ? loss : 0n, bound: 0n, answers: buyer.tally.counts }
    } finally {
      await holder.kill()
    }
  },
}

/** Invoices that are none, or not payable: none is paid, and none costs the buyer its balance. */
export const returnMalformed: Attack = {
  name: 'return-malformed',
  side: 'buyer',
  what: 'asks for returns to altered, amountless and expired invoices, to one of another network, and then to an honest one',
  async run(stage) {
    const { buyer, balance } = await withBalance(stage)
    const honest = await buyer.mint(balance)
    const privateKey = randomBytes(32)
    const parts = {
      privateKey,
      network: 'regtest' as const,
      paymentHash: randomHex(32),
      description: 'back',
      createdAtMs: Date.now(),
      expiresInSeconds: 600,
    }
    const bad = [
      honest.replace(/.$/, (last) => (last === 'q' ? 'p' : 'q')),
      `${honest.slice(0, 40)}${honest.slice(40, 60).split('').reverse().join('')}${honest.slice(60)}`,
      makeInvoice(parts),
      makeInvoice({ ...parts, amount: balance, network: 'mainnet' }),
      makeInvoice({ ...parts, amount: balance, createdAtMs: Date.now() - 3_600_000 }),
    ]
    for (const invoice of bad) await buyer.askBack(invoice)
    // What failed must not have used up the claim: an honest invoice is still paid.
    await buyer.askBack(honest)
    const loss = await lossAfter(stage, buyer)
    const left = balance - stage.purse.received(buyer.asked)
    mustBe(left >= 0n, 'more came back than there was')
    return {
      tries: bad.length + 1,
      measure: 'msat',
      loss,
      bound: 0n,
      also: [{ measure: 'msat of the balance that an honest claim no longer got', loss: left, bound: 0n }],
      answers: buyer.tally.counts,
    }
  },
}

/** Nobody can be paid there: the seller tries, within bounds, and its money stays where it is. */
export const returnUnpayable: Attack = {
  name: 'return-unpayable',
  side: 'buyer',
  what: 'asks for its balance in twelve slices of a sat to a node that does not exist, and on an invoice of the seller itself',
  async run(stage) {
    const { buyer, shop } = await withBalance(stage)
    const self = await new RawBuyer(stage.node, shop.url).agree([1000n])
    const before = await stage.seller.calls.figures(shop.id)
    const invoices = Array.from({ length: 12 }, () =>
      makeInvoice({
        privateKey: new Uint8Array(32).fill(77),
        network: 'regtest',
        amount: 1000n,
        paymentHash: randomHex(32),
        description: 'nobody',
        createdAtMs: Date.now(),
        expiresInSeconds: 600,
      }),
    )
    // Each answer may wait for its claim: all at once, and none is waited for longer than a look at what came of them takes.
    await Promise.all([...invoices, self.deal.invoices[0]!].map((invoice) => buyer.askBack(invoice)))
    const { nodeCalls } = await stage.seller.calls.figures(shop.id)
    const paying = BigInt((nodeCalls.pay ?? 0) - (before.nodeCalls.pay ?? 0))
    return {
      tries: invoices.length + 1,
      measure: 'msat',
      loss: await lossAfter(stage, buyer),
      bound: 0n,
      // Sixteen claims of an agreement at most, each tried after 0, 1, 3 and 7 s in the ten that an answer waits.
      also: [{ measure: 'payments attempted', loss: paying, bound: BigInt(MAX_RETURNS) * 5n }],
      answers: buyer.tally.counts,
    }
  },
}

/** What a sat of balance may have the seller try, and for how long, is bounded: else dust would buy endless work. */
export const returnDust: Attack = {
  name: 'return-dust',
  side: 'buyer',
  what: 'asks for balances in slices of a few msat, and in whole on invoices that live for ten years, to nodes that do not exist',
  async run(stage) {
    const shops = await Promise.all([withBalance(stage), withBalance(stage), withBalance(stage)])
    let claims = 0n
    let tries = 0
    for (const { buyer, balance } of shops) {
      const slices = [...Array.from({ length: 8 }, () => 20n), ...Array.from({ length: 4 }, () => 999n), balance]
      for (const amount of slices) {
        const invoice = makeInvoice({
          privateKey: new Uint8Array(32).fill(77),
          network: 'regtest',
          amount,
          paymentHash: randomHex(32),
          description: 'nobody',
          createdAtMs: Date.now(),
          expiresInSeconds: amount === balance ? 10 * 365 * 24 * 3600 : 600,
        })
        const answer = (await buyer.askBack(invoice)) as { status?: string } | undefined
        if (answer?.status !== undefined && answer.status !== 'failed') claims++
        tries++
      }
    }
    const losses = await Promise.all(shops.map(({ buyer }) => lossAfter(stage, buyer)))
    return {
      tries,
      measure: 'claims that are tried on',
      loss: claims,
      bound: 0n,
      also: [{ measure: 'msat', loss: losses.reduce((sum, loss) => sum + loss, 0n), bound: 0n }],
      answers: shops[0]!.buyer.tally.counts,
    }
  },
}
