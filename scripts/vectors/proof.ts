import { encodeProof, judgeProof, type PaymentProof, readProof } from '../../src/wire/proof.ts'
import { encodeStatement } from '../../src/wire/statement.ts'
import { agreement, payee } from '../../src/wire/testing/fixtures.ts'
import { closingStatement, payments, provenPayment, unpaidStatement } from '../../src/wire/testing/proof.ts'
import { plain, refusals, type Vectors } from './row.ts'

const closed = closingStatement()
const of = (some: readonly PaymentProof[]) => encodeProof(agreement, closed, some)
const whole = of(payments)
const judge = (json: unknown) => judgeProof(readProof(JSON.stringify(json)), payee)

const unsignedAgreement = { ...agreement, unsigned: true as const }
const { signature: _, ...unsignedStatement } = { ...closed, unsigned: true as const }
const JUDGED: Readonly<Record<string, unknown>> = {
  'all that was paid': whole,
  'a part of it': of(payments.slice(1)),
  'no payment': of([]),
  'more than the statement counts': of([...payments, provenPayment(4, 1n)]),
  'a statement that stands alone': encodeStatement(closed),
  'nothing was paid': encodeProof(agreement, unpaidStatement, []),
  'a statement that was agreed to be unsigned': encodeProof(unsignedAgreement, unsignedStatement, payments),
  'a statement that says so itself and stands alone': encodeStatement(unsignedStatement),
}

export const proof = (): Vectors => ({
  about: 'Proofs of a closing (section 8), and what they show of the seller whose key is `payee`.',
  payee,
  judged: Object.entries(JUDGED).map(([name, input]) => {
    const { verdict, payments: count, proven, stated, missing, leftOut } = judge(input)
    return { name, input, judgement: plain({ verdict, payments: count, proven, stated, missing, leftOut }) }
  }),
  refused: refusals<unknown>(
    {
      'not an object': [],
      'another kind of document': { ...whole, type: 'proof' },
      'a version to come': { ...whole, version: '2' },
      'another agreement': { ...whole, agreement: { ...whole.agreement, agreement: '00'.repeat(16) } },
      'another price': { ...whole, agreement: { ...whole.agreement, amount: '999' } },
      'a statement without its signature': { ...whole, statement: { ...whole.statement, signature: undefined } },
      'a statement that was to be signed and is marked unsigned': encodeProof(agreement, unsignedStatement, payments),
      'a statement that is marked unsigned and has a signature': encodeProof(
        unsignedAgreement,
        { ...closed, unsigned: true },
        payments,
      ),
      'a statement with neither': {
        ...encodeProof(unsignedAgreement, closed, payments),
        statement: { ...encodeStatement(closed), signature: undefined },
      },
      'a statement that was altered': { ...whole, statement: { ...whole.statement, at: '2026-01-02T03:04:06.000Z' } },
      'a statement that is no closing one': {
        ...whole,
        statement: encodeStatement(closingStatement({ state: 'open' })),
      },
      'a preimage of another payment': of([{ ...payments[0]!, preimage: payments[1]!.preimage }]),
      'a payment shown twice': of([payments[0]!, payments[0]!]),
      'an invoice of another payee': of([provenPayment(4, 1000n, { privateKey: new Uint8Array(32).fill(9) })]),
      'an invoice on another network': of([provenPayment(4, 1000n, { network: 'mainnet' })]),
      'an invoice for something else': of([provenPayment(4, 1000n, { description: 'tea' })]),
      'an invoice that was altered': of([
        { ...payments[0]!, invoice: payments[0]!.invoice.replace('1400000', '1500000') },
      ]),
    },
    judge,
  ),
})
