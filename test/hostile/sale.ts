import { costDown, parsePrice } from '../../src/money/price.ts'
import type { Statement } from '../../src/wire/statement.ts'
import { balanceOf } from '../../src/wire/statement.ts'
import { type Finding, mustBe } from './attack.ts'
import { movedAtBuyer } from './losses.ts'
import { drip, repeat } from './speaker/goods.ts'
import { type Lies, Stall, type Visit } from './speaker/seller.ts'
import type { Stage } from './stage.ts'
import type { Fetched, Purchase, PurchaseOrder } from './victims/buyer.ts'

/** What our buyer is willing to be ahead in these attacks: the bound of its loss on one agreement. */
export const AHEAD = 10_000n
export const PRICE_TEXT = '1 sat/KiB'
export const KIB = 1024

/** What a reader got, in steps of the price: bytes by default. */
type Worth = (fetched: readonly Fetched[], stall: Stall) => bigint
export const bytesRead: Worth = (fetched) => fetched.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n)
export const nothing: Worth = () => 0n

export interface Sale {
  readonly stall: Stall
  readonly purchase: Purchase
  readonly paid: bigint
  /** What the buyer paid, less the worth of what came and what came back. Never below zero. */
  readonly loss: bigint
  readonly returned: bigint
  readonly fees: bigint
}

export interface SaleOptions {
  readonly price?: string
  readonly lies: Lies
  readonly order?: Partial<PurchaseOrder>
  readonly worth?: Worth
  /** Whose key the offers name. */
  readonly payee?: string
}

/** Lets our buyer buy at a hostile seller, and sees by both nodes' records what it lost. */
export async function sell(stage: Stage, options: SaleOptions): Promise<Sale> {
  const { price = PRICE_TEXT, lies, order, worth = bytesRead, payee } = options
  // Unless its lie is another one, a hostile seller keeps what it has.
  const all: Lies = { return: ({ outgoing }) => void outgoing.writeHead(500).end('{}'), ...lies }
  const stall = await Stall.open(stage.node, stage.purse, { price, lies: all, ...(payee !== undefined && { payee }) })
  try {
    const ahead = `${AHEAD} msat`
    const purchase = await stage.buyer.calls.buy({ url: stall.url, ahead, max: '200 sat', stallMs: 1500, ...order })
    const { paid, returned, fees } = await movedAtBuyer(stage, stall, purchase)
    const loss = paid - costDown(parsePrice(price), worth(purchase.fetched, stall)) - returned
    return { stall, purchase, paid, loss: loss > 0n ? loss : 0n, returned, fees }
  } finally {
    await stall.close()
  }
}

/** The worst of several sales, as a finding: what is bound for one agreement is bound for each. */
export function worst(sales: readonly Sale[], more: Partial<Finding> = {}): Finding {
  const answers: Record<string, number> = {}
  for (const { purchase } of sales) {
    for (const { error, status } of purchase.fetched) {
      const name = error ?? `${status}`
      answers[name] = (answers[name] ?? 0) + 1
    }
  }
  const loss = sales.reduce((most, sale) => (sale.loss > most ? sale.loss : most), 0n)
  const fees = sales.reduce((most, sale) => (sale.fees > most ? sale.fees : most), 0n)
  return { tries: sales.length, measure: 'msat', loss, bound: AHEAD + fees, answers, ...more }
}

/** A statement that claims so many steps, with sums that add up. */
export function claiming(statement: Statement, steps: bigint, more: Partial<Statement> = {}): Statement {
  const delivered = costDown(statement.price, steps)
  return { ...statement, steps, delivered, balance: balanceOf(statement.paid, delivered, statement.returned), ...more }
}

/** Sends kibibytes at a steady pace, counting them as an honest seller would: without a gate, since this one risks nothing. */
export async function film({ stall, outgoing, deal }: Visit, kibibytes: number, everyMs = 5): Promise<boolean> {
  outgoing.writeHead(200, { 'content-type': 'application/octet-stream' })
  for (const chunk of repeat(new Uint8Array(KIB), kibibytes)) {
    if (!(await drip(stall, outgoing, [chunk], everyMs))) return false
    if (deal) deal.steps += BigInt(KIB)
  }
  return true
}

/** The attack had its effect: the buyer trusted the seller so far that it paid. */
export const mustHavePaid = ({ paid, purchase }: Sale): void =>
  mustBe(paid > 0n, `the buyer paid nothing (${purchase.fetched.map(({ error }) => error).join(', ')})`)
