import { costUp, type Price } from '../../src/money/price.ts'
import { until } from './attack.ts'
import type { RawBuyer } from './speaker/buyer.ts'
import type { Stall } from './speaker/seller.ts'
import type { Stage } from './stage.ts'
import type { Purchase } from './victims/buyer.ts'

/** Money that moved, by the record of the node that got it. The record of the node that paid must say the same. */
export interface Moved {
  readonly paid: bigint
  readonly returned: bigint
}

/**
 * What hostile buyers paid our seller and what they got back, by both nodes' records.
 * @throws Error if the two nodes do not come to the same
 */
export async function movedAtSeller(stage: Stage, buyers: readonly RawBuyer[]): Promise<Moved> {
  const given = new Set(buyers.flatMap((buyer) => [...buyer.given]))
  const asked = buyers.flatMap((buyer) => [...buyer.asked])
  let paid = 0n
  const agree = await until(async () => {
    const outcomes = await Promise.all([...given].map((hash) => stage.node.lookupPayment(hash)))
    const sent = outcomes.filter((outcome) => outcome?.status === 'settled').length
    const arrived = (await stage.seller.calls.settlements()).filter(({ paymentHash }) => given.has(paymentHash))
    paid = arrived.reduce((sum, { amount }) => sum + amount, 0n)
    const back = await Promise.all(asked.map((hash) => stage.seller.calls.lookup(hash)))
    const returned = asked.filter((hash, i) => back[i]?.status === 'settled' && !stage.purse.has(hash))
    return sent === arrived.length && returned.length === 0
  })
  if (!agree) throw new Error("the two nodes' records do not agree")
  return { paid, returned: stage.purse.received(asked) }
}

/** What our seller lost to them: what it gave, at its price, and paid back, less what it was paid. Never below zero. */
export async function lossOfSeller(
  stage: Stage,
  buyers: readonly RawBuyer[],
  price: Price,
  steps: bigint,
): Promise<bigint> {
  const { paid, returned } = await movedAtSeller(stage, buyers)
  const loss = costUp(price, steps) + returned - paid
  return loss > 0n ? loss : 0n
}

/** What our buyer paid a hostile seller and got back, by both nodes' records. @throws Error if they do not come to the same */
export async function movedAtBuyer(
  stage: Stage,
  stall: Stall,
  { attempts, asked }: Purchase,
): Promise<Moved & { readonly fees: bigint }> {
  let paid = 0n
  let fees = 0n
  const agree = await until(async () => {
    // Asked anew each time: what was on its way when the buyer ended may settle yet, and counts.
    const outcomes = await Promise.all(attempts.map(({ paymentHash }) => stage.buyer.calls.lookup(paymentHash)))
    if (outcomes.some((outcome) => outcome?.status === 'pending')) return false
    const settled = new Set(attempts.filter((_, i) => outcomes[i]?.status === 'settled').map((one) => one.paymentHash))
    fees = outcomes.reduce((sum, outcome) => sum + (outcome?.status === 'settled' ? outcome.fee : 0n), 0n)
    paid = stage.purse.received(stall.minted)
    return [...settled].every((hash) => stage.purse.has(hash)) && paid === stage.purse.received(settled)
  })
  if (!agree) throw new Error("the two nodes' records do not agree")
  const own = new Set(asked)
  const back = (await stage.buyer.calls.settlements()).filter(({ paymentHash }) => own.has(paymentHash))
  return { paid, fees, returned: back.reduce((sum, { amount }) => sum + amount, 0n) }
}
