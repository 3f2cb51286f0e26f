import { StreamError } from '../../errors/error.ts'
import type { Journal, JournalAgreement, JournalPayment } from '../../ledger/journal.ts'
import { decodeAgreement } from '../../wire/agreement.ts'
import { encodeProof, MAX_PROOF_PAYMENTS, type PaymentProof, type ProofJson } from '../../wire/proof.ts'
import { decodeStatement } from '../../wire/statement.ts'

/**
 * What a buyer can show of a closed agreement to a third party, out of its journal: the terms, the seller's signed closing
 * statement, and every payment that settled. Of more than 20,000 payments the largest. The agreement's secret stays behind.
 * @throws StreamError `option-invalid` if the agreement has no closing statement, `ledger-failed`
 * @example
 * const [agreement] = await journal.agreements()
 * await writeFile('proof.json', JSON.stringify(await proofOf(journal, agreement)))
 */
export async function proofOf(journal: Journal, { id, agreement, statement }: JournalAgreement): Promise<ProofJson> {
  if (statement === undefined) {
    throw new StreamError('option-invalid', `the agreement ${id} has no closing statement: it was not closed`)
  }
  const payments = await journal.payments({ agreementId: id })
  return encodeProof(
    decodeAgreement(JSON.parse(agreement)).agreement,
    decodeStatement(JSON.parse(statement)),
    largest(payments).flatMap(provenPayment),
  )
}

function largest(payments: readonly JournalPayment[]): readonly JournalPayment[] {
  const settled = payments.filter(({ status }) => status === 'settled')
  if (settled.length <= MAX_PROOF_PAYMENTS) return settled
  return settled.toSorted((a, b) => Number(b.amount - a.amount)).slice(0, MAX_PROOF_PAYMENTS)
}

const provenPayment = ({ request, preimage }: JournalPayment): PaymentProof[] =>
  preimage === undefined ? [] : [{ invoice: request, preimage }]
