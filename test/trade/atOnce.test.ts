import { expect, test } from 'vitest'
import { decodeAgreement, decodeInvoiceList } from '../../src/wire/agreement.ts'
import { bytes, type Market, openMarket, sleep } from './market.ts'
import { NONCE, RawBuyer } from './wire.ts'

/** What requests that run at the same time were given, by all that was 200. */
async function given(requests: readonly Promise<Response>[], read: (json: unknown) => readonly string[]) {
  const answers = await Promise.all(requests)
  const good = await Promise.all(answers.filter(({ ok }) => ok).map((answer) => answer.json()))
  return new Set(good.flatMap((json) => read(json)))
}

/** A market whose seller's node takes its time to make invoices, as real ones do: requests overtake each other in it. */
async function slowMarket(): Promise<Market> {
  const market = await openMarket({ handler: bytes(1024) })
  const { seller } = market.nodes
  const make = seller.createInvoices.bind(seller)
  seller.createInvoices = async (requests) => {
    await sleep(20)
    return make(requests)
  }
  return market
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)

test('requests for invoices that come at once share the bound on open ones', async () => {
  const market = await slowMarket()
  const buyer = await new RawBuyer(market).agree([])
  const amounts = times(4, () => 1000n)
  const ask = () => buyer.send({ action: 'invoices', ...buyer.proof, amounts: amounts as never })
  expect(await given(times(20, ask), decodeInvoiceList)).toHaveProperty('size', 16)
})

test('acceptances that come at once with the same nonce share it as well, and make one agreement', async () => {
  const market = await slowMarket()
  const buyer = new RawBuyer(market)
  buyer.challenge = await buyer.ask()
  const accept = () => buyer.send({ action: 'accept', nonce: NONCE, invoices: [1000n] as never })
  const agreements = new Set<string>()
  const invoices = await given(times(40, accept), (json) => {
    const { agreement, invoices: own } = decodeAgreement(json)
    agreements.add(agreement.id)
    return own
  })
  expect(agreements.size).toBe(1)
  expect(invoices.size).toBe(16)
})
