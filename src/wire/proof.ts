import { StreamError } from '../errors/error.ts'
import { type Msat, minus, msat } from '../money/msat.ts'
import type { Agreement } from '../terms/terms.ts'
import { decodePublicAgreement, encodePublicAgreement, type PublicAgreementJson } from './agreement.ts'
import { type DecodedInvoice, decodeInvoice } from './bolt11.ts'
import { Fields } from './fields.ts'
import { MAX_INVOICE_LENGTH } from './payload.ts'
import { isPreimageOf } from './preimage.ts'
import {
  checkStatement,
  checkSums,
  decodeStatement,
  encodeStatement,
  type Statement,
  verifyStatement,
} from './statement.ts'

/** Of a proof in all, in characters, and of the payments in it. */
export const MAX_PROOF_LENGTH: number = 16 << 20
export const MAX_PROOF_PAYMENTS = 20_000

const TYPE = 'stream-proof'
const VERSION = '1'

/** An invoice of the payee, and what only someone who paid it, or helped to, can know. */
export interface PaymentProof {
  /** BOLT 11, with an amount. */
  readonly invoice: string
  /** 64 lowercase hex digits. */
  readonly preimage: string
}

/** What a buyer shows to a third party after a close (spec section 8). */
export interface Proof {
  /** What was agreed, as the buyer says. Absent in a statement that stands alone. */
  readonly agreement?: Agreement
  readonly statement: Statement
  readonly payments: readonly PaymentProof[]
}

export interface ProofJson {
  readonly type: typeof TYPE
  readonly version: typeof VERSION
  readonly agreement: PublicAgreementJson
  readonly statement: Readonly<Record<string, string>>
  readonly payments: readonly PaymentProof[]
}

/**
 * What a proof shows. `proven`: payments for all that the statement says was paid. `partly`, `unproven`: for some or none of it,
 * so that the rest is the payee's signed word alone. `left-out`: for more than the statement counts. `unsigned`: nobody signed the statement, so that
 * it is no one's word, and only the payments show anything.
 */
export type Verdict = 'proven' | 'partly' | 'unproven' | 'left-out' | 'unsigned'

export interface Judgement {
  readonly verdict: Verdict
  readonly statement: Statement
  readonly agreement?: Agreement
  /** How many payments were shown. */
  readonly payments: number
  /** Sum of their invoices. */
  readonly proven: Msat
  /** `paid` of the statement. */
  readonly stated: Msat
  /** Stated and not proven, and the reverse. */
  readonly missing: Msat
  readonly leftOut: Msat
}

/** How a seller describes its invoices: whoever pays one sees which agreement it is for. */
export const invoiceDescription = (agreementId: string): string => `stream ${agreementId}`

/**
 * A proof as JSON: the agreement without its secret, its closing statement, and the payments.
 * @example writeFileSync('proof.json', JSON.stringify(encodeProof(agreement, statement, payments)))
 */
export const encodeProof = (
  agreement: Agreement,
  statement: Statement,
  payments: readonly PaymentProof[],
): ProofJson => ({
  type: TYPE,
  version: VERSION,
  agreement: encodePublicAgreement(agreement),
  statement: encodeStatement(statement),
  payments: payments.map(({ invoice, preimage }) => ({ invoice, preimage })),
})

/**
 * Reads a proof, or a closing statement that stands alone. What it shows is for `judgeProof` to say.
 * @param text JSON of at most `MAX_PROOF_LENGTH` characters, with at most `MAX_PROOF_PAYMENTS` payments
 * @throws StreamError `proof-invalid`
 */
export function readProof(text: string): Proof {
  if (text.length > MAX_PROOF_LENGTH) throw invalid(`longer than ${MAX_PROOF_LENGTH} characters`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw invalid('not JSON')
  }
  return orInvalid(() => decodeProof(json))
}

function decodeProof(json: unknown): Proof {
  const fields = new Fields(json, 'proof-invalid')
  if (!fields.has('statement')) return { statement: decodeStatement(json), payments: [] }
  if (fields.value('type') !== TYPE) fields.fail('type', TYPE)
  if (fields.value('version') !== VERSION) fields.fail('version', VERSION)
  return {
    agreement: decodePublicAgreement(fields.object('agreement')),
    statement: decodeStatement(fields.value('statement')),
    payments: fields.objects('payments', MAX_PROOF_PAYMENTS).map((payment) => ({
      invoice: payment.string('invoice', MAX_INVOICE_LENGTH),
      preimage: payment.hex('preimage', 64),
    })),
  }
}

/**
 * Judges a proof with nothing but what is in it: the statement is a closing one, adds up, is of this agreement and signed by its
 * payee; every invoice is signed by the same payee, on the same network, for this agreement, has an amount, and stands
 * there once; every preimage opens its invoice's payment hash.
 * @param payee the key that the third party knows the seller by; without it any payee that signed all of it will do
 * @throws StreamError `proof-invalid`
 * @example judgeProof(readProof(readFileSync('proof.json', 'utf8'))).verdict === 'proven'
 */
export function judgeProof(proof: Proof, payee: string = proof.statement.payee): Judgement {
  const { agreement, statement, payments } = proof
  const proven = orInvalid(() => {
    if (agreement) checkStatement(statement, agreement)
    // The agreement is the buyer's word, so that this is one whatever it says.
    if (statement.unsigned) checkUnsigned(statement, payee)
    else verifyStatement(statement, payee)
    if (statement.state !== 'closed') throw invalid('the statement is not a closing one')
    return msat(sumOf(payments, statement))
  })
  const stated = statement.paid
  return {
    verdict: statement.unsigned ? 'unsigned' : verdictOf(proven, stated),
    statement,
    ...(agreement && { agreement }),
    payments: payments.length,
    proven,
    stated,
    missing: minus(stated, proven),
    leftOut: minus(proven, stated),
  }
}

function checkUnsigned(statement: Statement, payee: string): void {
  checkSums(statement)
  if (statement.payee !== payee) throw invalid('the statement names another payee')
  if (statement.signature !== undefined) throw invalid('the statement is marked unsigned, and has a signature')
}

function verdictOf(proven: Msat, stated: Msat): Verdict {
  if (proven === stated) return 'proven'
  if (proven > stated) return 'left-out'
  return proven === 0n ? 'unproven' : 'partly'
}

function sumOf(payments: readonly PaymentProof[], statement: Statement): bigint {
  const seen = new Set<string>()
  let sum = 0n
  for (const [i, payment] of payments.entries()) {
    const invoice = orInvalid(() => decodeInvoice(payment.invoice), `payments[${i}]: `)
    const wrong = wrongIn(invoice, payment.preimage, statement) ?? (seen.has(invoice.paymentHash) && 'was shown before')
    if (wrong) throw invalid(`payments[${i}] ${wrong}`, { paymentHash: invoice.paymentHash })
    seen.add(invoice.paymentHash)
    sum += invoice.amount!
  }
  return sum
}

function wrongIn(invoice: DecodedInvoice, preimage: string, { payee, network, agreement }: Statement) {
  if (invoice.payee !== payee) return 'was not signed by the payee'
  if (invoice.network !== network) return `is on ${invoice.network}, not on ${network}`
  if (invoice.description !== invoiceDescription(agreement)) return 'is not for this agreement'
  if (!invoice.amount) return 'names no amount'
  if (!isPreimageOf(preimage, invoice.paymentHash)) return 'has another preimage'
  return undefined
}

const invalid = (detail: string, details: Readonly<Record<string, string>> = {}): StreamError =>
  new StreamError('proof-invalid', detail, details)

/** What the readers of the parts refuse, a proof is refused for. */
function orInvalid<T>(read: () => T, where = ''): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof StreamError) || error.code === 'proof-invalid') throw error
    throw invalid(where + error.message, error.details)
  }
}
