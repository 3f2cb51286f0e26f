import { expect, test } from 'vitest'
import { openJournal } from '../../ledger/index.ts'
import { hash, kept, payment } from '../../ledger/testing/samples.ts'
import { msat, ZERO } from '../../money/msat.ts'
import { encodeAgreement } from '../../wire/agreement.ts'
import { MAX_PROOF_PAYMENTS } from '../../wire/proof.ts'
import { encodeStatement } from '../../wire/statement.ts'
import { agreement, agreementSecret } from '../../wire/testing/fixtures.ts'
import { closingStatement } from '../../wire/testing/proof.ts'
import { proofOf } from './proof.ts'

const entry = {
  ...kept(1),
  state: 'closed' as const,
  returns: [],
  receivedSteps: 0n,
  id: agreement.id,
  agreement: JSON.stringify(encodeAgreement(agreement, agreementSecret, ['lnbcrt1'])),
  statement: JSON.stringify(encodeStatement(closingStatement())),
}
const paid = (n: number) => payment(n, { agreementId: agreement.id, amount: msat(BigInt(n)) })

test('only what settled on the agreement is shown, and no secret', async () => {
  const journal = openJournal(':memory:')
  for (const n of [1, 2, 3]) await journal.addPayment(paid(n))
  await journal.addPayment(payment(4))
  await journal.endPayment(hash(1), { status: 'settled', fee: ZERO, preimage: hash(101) })
  await journal.endPayment(hash(2), { status: 'failed', fee: ZERO })
  await journal.endPayment(hash(4), { status: 'settled', fee: ZERO, preimage: hash(104) })
  const proof = await proofOf(journal, entry)
  expect(proof.payments).toEqual([{ invoice: 'lnbcrt1', preimage: hash(101) }])
  expect(JSON.stringify(proof)).not.toContain(agreementSecret)
})

test('of more payments than a proof holds the largest are shown', async () => {
  const journal = openJournal(':memory:')
  for (let n = 1; n <= MAX_PROOF_PAYMENTS + 2; n++) {
    await journal.addPayment(paid(n))
    await journal.endPayment(hash(n), { status: 'settled', fee: ZERO, preimage: hash(n) })
  }
  const { payments } = await proofOf(journal, entry)
  expect(payments).toHaveLength(MAX_PROOF_PAYMENTS)
  expect(payments.at(-1)!.preimage).toBe(hash(3))
})

test('an agreement that was not closed proves nothing yet', async () => {
  const { statement: _, ...open } = entry
  await expect(proofOf(openJournal(':memory:'), open)).rejects.toMatchObject({ code: 'option-invalid' })
})
