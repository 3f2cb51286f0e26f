import { costDown } from '../../../src/money/price.ts'
import type { Evidence } from './evidence.ts'

export interface MoneyFinding {
  /** By the buyers' journals. */
  readonly paid: bigint
  /** By the seller's node. */
  readonly settled: bigint
  /** By the buyers' nodes. */
  readonly returned: bigint
  /** Routing, both ways. */
  readonly fees: bigint
  /** Paid, not delivered and not returned: it stays with the seller, in its ledger. */
  readonly balances: bigint
  /** The absolute differences between any two that should say the same, summed. */
  readonly unaccounted: bigint
  readonly payments: number
  readonly paidTwice: number
  readonly lostPayments: number
  /** Payments and returns that an LND calls in flight for good, though none of its channels holds anything: see the README. */
  readonly stuck: number
  readonly faults: readonly string[]
}

/** Whether money in is money out, fees and balances: in the books of both sides, and in the records and channels of all nodes. */
export function judgeMoney(evidence: Evidence): MoneyFinding {
  const { seller, buyers, nodes, before, after } = evidence
  const sheet = new Sheet()
  const received = nodes.get('seller')!
  const payments = [...buyers].flatMap(([buyer, books]) =>
    [...books.payments].map(([hash, one]) => ({ buyer, hash, ...one })),
  )
  const settledPayments = payments.filter(({ status }) => status === 'settled')
  const isReturn = new Map(seller.returns.map((one) => [one.hash, one]))
  const returnsCame = new Map(
    [...buyers.keys()].flatMap((buyer) =>
      nodes.get(buyer)!.settlements.map((one) => [one.hash, { buyer, ...one }] as const),
    ),
  )

  // Each payment, as the buyer wrote it, the buyer's node, the seller's node and the ledger have it.
  const came = sums(received.settlements.map(({ hash, amount }) => [hash, amount]))
  const sent = new Map(
    [...buyers.keys()].flatMap((name) => nodes.get(name)!.payments.map((one) => [one.hash, one] as const)),
  )
  const hashes = new Set([...came.keys(), ...settledPayments.map(({ hash }) => hash)])
  const wrote = new Map(settledPayments.map((one) => [one.hash, one]))
  for (const hash of hashes) {
    const invoice = seller.invoices.get(hash)
    sheet.same(`payment ${hash}: journal and node of the seller`, wrote.get(hash)?.amount ?? 0n, came.get(hash) ?? 0n)
    sheet.same(`payment ${hash}: ledger and node of the seller`, invoice?.came ?? 0n, came.get(hash) ?? 0n)
    sheet.same(
      `payment ${hash}: fee in the journal and at its node`,
      wrote.get(hash)?.fee ?? 0n,
      sent.get(hash)?.fee ?? 0n,
    )
  }
  // All channels are still, and hold no HTLC: what a node calls in flight now has moved no money.
  let stuck = 0
  const isOpen = (what: string, hash: string, node: string): void => {
    if (nodes.get(node)!.inFlight.has(hash)) stuck++
    else sheet.fault(`${what} ${hash} has no outcome, and its node has`)
  }
  for (const { hash, status, buyer } of payments) {
    if (status === 'pending' || status === 'unknown') isOpen('payment', hash, buyer)
  }

  // Each agreement: what was paid for it is the sum of its payments, and is delivered, returned, or its balance.
  const byAgreement = sums(settledPayments.map(({ agreement, amount }) => [agreement, amount]))
  const backByAgreement = sums(
    seller.returns.filter(({ status }) => status !== 'failed').map(({ agreement, amount }) => [agreement, amount]),
  )
  const arrived = sums(
    seller.returns.filter(({ status }) => status === 'settled').map(({ agreement, amount }) => [agreement, amount]),
  )
  let balances = 0n
  let delivered = 0n
  for (const one of seller.agreements.values()) {
    const cost = costDown(one.price, one.deliveredSteps)
    sheet.same(`agreement ${one.id}: its payments and its total`, byAgreement.get(one.id) ?? 0n, one.paid)
    sheet.same(
      `agreement ${one.id}: its returns and what was returned`,
      backByAgreement.get(one.id) ?? 0n,
      one.returned,
    )
    const spent = cost < one.paid ? cost : one.paid
    delivered += spent
    // A return that did not arrive is the buyer's still.
    balances += one.paid - spent - (arrived.get(one.id) ?? 0n)
    if (one.paid > 0n && !one.closed) sheet.fault(`agreement ${one.id} is open still`)
  }
  for (const [name, { openAgreements }] of buyers) {
    if (openAgreements > 0) sheet.fault(`${name} has ${openAgreements} open agreements`)
  }

  // Each return, as the ledger and the buyer's node have it.
  const back = sums([...returnsCame.values()].map(({ hash, amount }) => [hash, amount]))
  for (const hash of new Set([...isReturn.keys(), ...back.keys()])) {
    const one = isReturn.get(hash)
    const settled = one?.status === 'settled' ? one.amount : 0n
    sheet.same(`return ${hash}: ledger and node of the buyer`, settled, back.get(hash) ?? 0n)
    if (one?.status === 'pending') isOpen('return', hash, 'seller')
  }

  // Each node: its channels moved by what it sent, what it was sent, and fees; and nothing is lost between the nodes.
  const returnFees = received.payments.reduce((sum, { fee }) => sum + fee, 0n)
  const paid = settledPayments.reduce((sum, { amount }) => sum + amount, 0n)
  const settled = received.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  const returned = [...back.values()].reduce((sum, amount) => sum + amount, 0n)
  const moved = (name: string): bigint => after.get(name)! - before.get(name)!
  sheet.same('the channels of the seller', moved('seller'), settled - returned - returnFees)
  const fees = settledPayments.reduce((sum, { fee }) => sum + fee, 0n) + returnFees
  let earned = 0n
  for (const name of before.keys()) {
    if (name === 'seller') continue
    const own = settledPayments.filter(({ buyer }) => buyer === name)
    const out = own.reduce((sum, { amount, fee }) => sum + amount + fee, 0n)
    const in_ = nodes.get(name)!.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    const rest = moved(name) - (in_ - out)
    // What a node has beyond its own trade it earned by passing on what others paid.
    if (rest >= 0n) earned += rest
    else sheet.same(`the channels of ${name}`, moved(name), in_ - out)
  }
  sheet.same('routing fees that were paid, and that a node on the way earned', fees, earned)
  sheet.same('paid and delivered, returned and left', settled, delivered + returned + balances)

  const twice = [
    ...received.settlements.map(({ hash }) => hash).filter((hash, i, all) => all.indexOf(hash) !== i),
    ...[...came]
      .filter(([hash, amount]) => amount > (seller.invoices.get(hash)?.asked ?? amount))
      .map(([hash]) => hash),
    ...[...nodes.values()].flatMap((node) => node.payments.filter(({ parts }) => parts > 1).map(({ hash }) => hash)),
    ...payments.map(({ hash }) => hash).filter((hash, i, all) => all.indexOf(hash) !== i),
  ]
  const lost = [...sent.keys()].filter(
    (hash) => wrote.get(hash) === undefined || seller.invoices.get(hash)?.came === undefined,
  )
  if (twice.length > 0) sheet.fault(`paid twice: ${[...new Set(twice)].join(', ')}`)
  if (lost.length > 0) sheet.fault(`settled and forgotten: ${lost.join(', ')}`)
  return {
    paid,
    settled,
    returned,
    fees,
    balances,
    unaccounted: sheet.unaccounted,
    payments: settledPayments.length,
    paidTwice: new Set(twice).size,
    lostPayments: lost.length,
    stuck,
    faults: sheet.faults,
  }
}

/** Adds up what does not agree. */
class Sheet {
  readonly faults: string[] = []
  unaccounted = 0n

  same(what: string, a: bigint, b: bigint): void {
    if (a === b) return
    this.unaccounted += a > b ? a - b : b - a
    this.fault(`${what}: ${a} is not ${b} msat`)
  }

  fault(text: string): void {
    this.faults.push(text)
  }
}

function sums(pairs: ReadonlyArray<readonly [string, bigint]>): Map<string, bigint> {
  const totals = new Map<string, bigint>()
  for (const [key, amount] of pairs) totals.set(key, (totals.get(key) ?? 0n) + amount)
  return totals
}
