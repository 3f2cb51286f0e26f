import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { msat, sat } from '../../money/msat.ts'
import { signMessageWith } from '../message.ts'
import { invoiceDescription, type PaymentProof } from '../proof.ts'
import { balanceOf, type Statement, signingText } from '../statement.ts'
import { agreement, nodeKey, nowMs, statement } from './fixtures.ts'
import { type InvoiceParts, makeInvoice } from './invoice.ts'

/** A payment of `amount` msat on the fixtures' agreement; `n` makes its preimage. */
export function provenPayment(n: number, amount = 140_000n, changes: Partial<InvoiceParts> = {}): PaymentProof {
  const preimage = new Uint8Array(32).fill(n)
  const invoice = makeInvoice({
    privateKey: nodeKey,
    network: 'regtest',
    amount,
    paymentHash: bytesToHex(sha256(preimage)),
    description: invoiceDescription(agreement.id),
    createdAtMs: nowMs,
    expiresInSeconds: 600,
    ...changes,
  })
  return { invoice, preimage: bytesToHex(preimage) }
}

/** A closing statement of the fixtures' agreement, signed. 420 sat were paid unless `changes` say otherwise. */
export function closingStatement(changes: Partial<Statement> = {}): Statement {
  const unsigned: Statement = { ...statement, state: 'closed', ...changes }
  const balance = balanceOf(unsigned.paid, unsigned.delivered, unsigned.returned)
  const whole = { ...unsigned, balance }
  return { ...whole, signature: signMessageWith(nodeKey, signingText(whole)) }
}

/** Three payments, which make the 420 sat of the statement. */
export const payments: readonly PaymentProof[] = [1, 2, 3].map((n) => provenPayment(n))
export const unpaidStatement: Statement = closingStatement({ paid: sat(0), steps: 0n, delivered: msat(0n) })
