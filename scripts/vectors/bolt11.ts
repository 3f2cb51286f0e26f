import { sat } from '../../src/money/msat.ts'
import { checkInvoice, type DecodedInvoice, decodeInvoice } from '../../src/wire/bolt11.ts'
import { invoice, nowMs, payee } from '../../src/wire/testing/fixtures.ts'
import { BOLT11_INVALID, BOLT11_KEY, BOLT11_VALID, type Bolt11Example } from './bolt11Examples.ts'
import { errorOf, plain, refusals, type Vectors } from './row.ts'

const expected = { amount: sat(20), network: 'regtest' as const, payee, nowMs, minimumLifeMs: 60_000 }
const EXPECTED = {
  'what was agreed': expected,
  'another amount': { ...expected, amount: sat(21) },
  'another network': { ...expected, network: 'mainnet' as const },
  'another payee': { ...expected, payee: BOLT11_KEY },
  'too little time left': { ...expected, nowMs: nowMs + 541_000 },
}

/** Decodes an example of BOLT 11 and compares it to what BOLT 11 says of it, so that no vector can enshrine a defect. */
function readExample({ name, invoice: text, amount, description, expirySeconds }: Bolt11Example): object {
  const decoded = decodeInvoice(text)
  const signer = name.includes('high-S') || decoded.payee === BOLT11_KEY
  const life = decoded.expiresAtMs - decoded.createdAtMs === expirySeconds * 1000
  if (!signer || !life || decoded.amount !== amount || decoded.description !== description) {
    throw new Error(`"${name}" is not read as BOLT 11 says`)
  }
  return { name, invoice: text, decoded: withoutText(decoded) }
}

function withoutText({ request: _, ...rest }: DecodedInvoice): unknown {
  return plain(rest)
}

export const bolt11 = (): Vectors => ({
  about: 'Invoices: the examples of BOLT 11 (CC BY 4.0), one of ours, and what a buyer checks before it pays.',
  invoices: [...BOLT11_VALID.map(readExample), { name: 'ours', invoice, decoded: withoutText(decodeInvoice(invoice)) }],
  refused: refusals(BOLT11_INVALID, decodeInvoice),
  checks: Object.entries(EXPECTED).map(([name, wanted]) => {
    const check = () => checkInvoice(decodeInvoice(invoice), wanted)
    return { name, invoice, expected: plain(wanted), error: wanted === expected ? null : errorOf(name, check) }
  }),
})
