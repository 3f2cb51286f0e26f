import { decodeInvoice } from '../../../src/wire/bolt11.ts'
import type { BuyerBooks, Ledger, Node, Sold } from './books.ts'

const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, amount) => total + amount, 0n)
const costOf = ({ price_msat, price_per, delivered_steps }: Sold): bigint => (price_msat * delivered_steps) / price_per
const twice = (hashes: readonly string[]): string[] => hashes.filter((hash, i) => hashes.indexOf(hash) < i)

/** What must hold in a ledger whenever its process was killed. Returns what does not. */
export function judgeLedger({ sold, minted, returned }: Ledger): string[] {
  const wrong: string[] = []
  for (const one of sold) {
    const invoices = minted.filter(({ agreement_id }) => agreement_id === one.id)
    const settled = sum(invoices.map(({ settled_amount }) => settled_amount ?? 0n))
    const topUps = sold.filter(({ scheme, claim_reference }) => scheme === 'top-up' && claim_reference === one.id)
    const name = `${one.scheme} ${one.id.slice(0, 8)}`
    if (one.paid !== settled + sum(topUps.map(({ paid }) => paid)))
      wrong.push(`${name}: ${one.paid} is not what settled`)
    if (invoices.length !== 1) wrong.push(`${name} has ${invoices.length} invoices`)
    if (costOf({ ...one, delivered_steps: one.leased_steps }) > one.paid)
      wrong.push(`${name}: delivered more than paid`)
    if (one.scheme === 'top-up' && one.returned !== one.paid) wrong.push(`${name}: was not moved whole`)
    if (one.scheme === 'charge' && one.delivered_steps > 1n) wrong.push(`${name}: was delivered twice`)
    if (one.scheme !== 'session') continue
    const back = returned.filter(({ agreement_id, status }) => agreement_id === one.id && status !== 'failed')
    if (back.length > 1) wrong.push(`${name}: is returned ${back.length} times`)
    if (one.returned !== sum(back.map(({ amount }) => amount)))
      wrong.push(`${name}: ${one.returned} is not what went back`)
  }
  return wrong
}

export interface Evidence {
  readonly ledger: Ledger
  readonly buyer: BuyerBooks
  readonly nodes: { readonly seller: Node; readonly buyer: Node }
}

/** What must hold when all is over. Returns what does not. */
export function judgeAll({ ledger, buyer, nodes }: Evidence): string[] {
  const { sold, minted, returned } = ledger
  const wrong = judgeLedger(ledger)
  const received = nodes.seller.settlements.map(({ paymentHash }) => paymentHash)
  for (const hash of twice(received)) wrong.push(`payment ${hash} settled twice at the seller's node`)
  const came = nodes.buyer.settlements.map(({ paymentHash }) => paymentHash)
  for (const hash of twice(came)) wrong.push(`refund ${hash} arrived twice`)
  for (const { paymentHash, amount } of nodes.seller.settlements) {
    const invoice = minted.find(({ payment_hash }) => payment_hash === paymentHash)
    // The same invoice may be shown again to a run that follows one which was killed before it paid.
    const payment = buyer.payments.find((one) => one.paymentHash === paymentHash)
    const tokens = buyer.tokens.filter(({ token }) => token.id === payment?.agreementId)
    if (invoice?.settled_amount !== amount) wrong.push(`payment ${paymentHash} is of no agreement`)
    if (tokens.length !== 1) wrong.push(`payment ${paymentHash} is for ${tokens.length} rows of the journal`)
    if (nodes.buyer.outcomes.get(paymentHash)?.status !== 'settled')
      wrong.push(`payment ${paymentHash} is not one of the buyer's node`)
  }
  for (const { paymentHash, status } of buyer.payments) {
    const isSettled = received.includes(paymentHash)
    if (status !== (isSettled ? 'settled' : 'failed')) wrong.push(`payment ${paymentHash}: the journal has ${status}`)
    if (!isSettled && nodes.buyer.outcomes.get(paymentHash)?.status === 'settled')
      wrong.push(`payment ${paymentHash} is lost`)
  }
  for (const one of sold.filter(({ paid }) => paid > 0n)) {
    const name = `${one.scheme} ${one.id.slice(0, 8)}`
    if (one.scheme === 'offered') wrong.push(`${name}: was paid and bought nothing`)
    if (one.scheme !== 'session') continue
    const left = one.paid - costOf(one) - one.returned
    if (one.statement === null || left >= 1000n) wrong.push(`${name}: ${left} msat did not come back`)
  }
  for (const { payment_hash, amount, status } of returned) {
    const arrived = nodes.buyer.settlements.find(({ paymentHash }) => paymentHash === payment_hash)
    if (status !== 'settled' || arrived?.amount !== amount)
      wrong.push(`refund ${payment_hash}: ${status}, ${arrived?.amount} of ${amount}`)
  }
  for (const { paymentHash, amount } of nodes.buyer.settlements) {
    const entry = buyer.tokens.find(({ entry: { returns } }) =>
      returns.some(({ invoice, status }) => decodeInvoice(invoice).paymentHash === paymentHash && status === 'settled'),
    )
    if (!entry) wrong.push(`refund ${paymentHash} of ${amount}: the journal knows nothing of it`)
  }
  const open = buyer.tokens.filter(({ entry, token }) => entry.state === 'open' && token.scheme !== 'l402')
  for (const { token } of open) wrong.push(`${token.scheme} ${token.paymentHash.slice(0, 8)} is still open`)
  return wrong
}
