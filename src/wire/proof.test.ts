import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_MSAT, sat } from '../money/msat.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { encodeAgreement } from './agreement.ts'
import {
  encodeProof,
  judgeProof,
  MAX_PROOF_LENGTH,
  MAX_PROOF_PAYMENTS,
  type PaymentProof,
  type ProofJson,
  readProof,
} from './proof.ts'
import { encodeStatement, type Statement } from './statement.ts'
import { agreement, agreementSecret, payee, statement } from './testing/fixtures.ts'
import { closingStatement, payments, provenPayment, unpaidStatement } from './testing/proof.ts'

const otherKey = new Uint8Array(32).fill(9)
const closed = closingStatement()
const proof = encodeProof(agreement, closed, payments)
const judge = (json: unknown, key?: string) => judgeProof(readProof(JSON.stringify(json)), key)
const withPayments = (some: readonly PaymentProof[], signed: Statement = closed) =>
  judge(encodeProof(agreement, signed, some))
const refused = (json: unknown, key?: string) => expect(codeThrownBy(() => judge(json, key))).toBe('proof-invalid')

describe('judgeProof', () => {
  it('finds all proven that the statement says was paid', () => {
    expect(judge(proof, payee)).toEqual({
      verdict: 'proven',
      statement: closed,
      agreement,
      payments: 3,
      proven: sat(420),
      stated: sat(420),
      missing: 0n,
      leftOut: 0n,
    })
  })

  it('says what is stated and not proven', () => {
    expect(withPayments(payments.slice(1))).toMatchObject({ verdict: 'partly', proven: sat(280), missing: sat(140) })
    expect(withPayments([])).toMatchObject({ verdict: 'unproven', payments: 0, missing: sat(420) })
  })

  it('finds a statement out that leaves payments out', () => {
    const more = [...payments, provenPayment(4, 1n)]
    expect(withPayments(more)).toMatchObject({ verdict: 'left-out', proven: 420_001n, missing: 0n, leftOut: 1n })
  })

  it('takes a statement that stands alone for the word it is', () => {
    const alone = judge(encodeStatement(closed))
    expect(alone).toMatchObject({ verdict: 'unproven', payments: 0, stated: sat(420), missing: sat(420) })
    expect(alone.agreement).toBeUndefined()
    expect(judge(encodeStatement(unpaidStatement))).toMatchObject({ verdict: 'proven', proven: 0n })
  })

  it('needs the key that the third party knows', () => {
    refused(proof, `03${'00'.repeat(32)}`)
    refused(encodeStatement(closed), `03${'00'.repeat(32)}`)
  })

  it('holds the statement against the agreement, its sums and its signature', () => {
    refused({ ...proof, agreement: { ...proof.agreement, agreement: '00'.repeat(16) } })
    refused({ ...proof, agreement: { ...proof.agreement, amount: '999' } })
    refused({ ...proof, agreement: { ...proof.agreement, unitType: 'byte' } })
    refused({ ...proof, statement: { ...proof.statement, steps: '1', delivered: '1', balance: '419999' } })
    refused({ ...proof, statement: { ...proof.statement, balance: '1' } })
    refused({ ...proof, statement: encodeStatement({ ...statement, state: 'closed' }) })
    refused({ ...proof, statement: encodeStatement(closingStatement({ state: 'open' })) })
  })

  it.each<[string, PaymentProof[]]>([
    ['another preimage', [{ ...payments[0]!, preimage: payments[1]!.preimage }]],
    ['a payment shown twice', [payments[0]!, payments[1]!, payments[0]!]],
    ['the same hash under another amount', [payments[0]!, provenPayment(1, 150_000n)]],
    ['an invoice of somebody else', [provenPayment(4, 1000n, { privateKey: otherKey })]],
    ['an invoice on another network', [provenPayment(4, 1000n, { network: 'mainnet' })]],
    ['an invoice of another agreement', [provenPayment(4, 1000n, { description: `stream ${'00'.repeat(16)}` })]],
    ['an invoice for anything else', [provenPayment(4, 1000n, { description: 'tea' })]],
    ['more than all bitcoin', [provenPayment(4, MAX_MSAT), provenPayment(5, 1n)]],
    ['an invoice that is none', [{ ...payments[0]!, invoice: 'lnbcrt1' }]],
  ])('refuses %s', (_, some) => {
    expect(codeThrownBy(() => withPayments(some))).toBe('proof-invalid')
  })

  it('refuses an invoice without an amount', () => {
    const { amount: _, ...parts } = { amount: 1n, description: `stream ${agreement.id}` }
    const open = provenPayment(4, undefined, { ...parts, amount: undefined } as never)
    expect(codeThrownBy(() => withPayments([open]))).toBe('proof-invalid')
  })
})

describe('readProof', () => {
  it('writes no secret, whatever it is made of', () => {
    const { agreement: _, ...rest } = proof
    expect(JSON.stringify(proof)).not.toContain(agreementSecret)
    // Neither where it is handed the agreement as it came over the wire.
    const { invoices: __, ...wired } = encodeAgreement(agreement, agreementSecret, [])
    const read = readProof(JSON.stringify({ ...rest, agreement: wired }))
    expect(JSON.stringify(encodeProof(read.agreement!, read.statement, read.payments))).toBe(JSON.stringify(proof))
  })

  it('reads what it does not know of as if it were not there, but another kind or version not at all', () => {
    expect(
      judge({ ...proof, note: 'x', payments: proof.payments.map((one) => ({ ...one, route: [] })) }),
    ).toMatchObject({
      verdict: 'proven',
    })
    for (const wrong of [{ type: 'proof' }, { type: undefined }, { version: '2' }, { version: 1 }]) {
      refused({ ...proof, ...wrong })
    }
  })

  it('reads no more than it promises', () => {
    const few = { ...proof, payments: new Array(MAX_PROOF_PAYMENTS + 1).fill({}) }
    refused(few)
    expect(codeThrownBy(() => readProof(' '.repeat(MAX_PROOF_LENGTH + 1)))).toBe('proof-invalid')
    expect(codeThrownBy(() => readProof('['.repeat(1_000_000)))).toBe('proof-invalid')
    expect(codeThrownBy(() => readProof(`${'{"statement":'.repeat(100_000)}1${'}'.repeat(100_000)}`))).toBe(
      'proof-invalid',
    )
  })

  it('throws nothing but proof-invalid, whatever bytes come', () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map((some) => new TextDecoder().decode(some))
    fc.assert(
      fc.property(fc.oneof(bytes, fc.string(), fc.json()), (text) => {
        expect(codeThrownBy(() => judgeProof(readProof(text)))).toBe('proof-invalid')
      }),
      { numRuns: 2000 },
    )
  })

  it('throws nothing but proof-invalid for a valid one with a letter changed, and is never told more than before', () => {
    const text = JSON.stringify(proof)
    const letter = fc.tuple(fc.nat(text.length - 1), fc.string({ unit: 'grapheme', minLength: 0, maxLength: 2 }))
    fc.assert(
      fc.property(letter, ([i, put]) => {
        const changed = text.slice(0, i) + put + text.slice(i + 1)
        let found: ReturnType<typeof judgeProof> | undefined
        const code = codeThrownBy(() => {
          found = judgeProof(readProof(changed), payee)
        })
        expect([undefined, 'proof-invalid']).toContain(code)
        // What the payee signed cannot be changed: at most the buyer's own words, such as the scope, were.
        if (found) expect(found).toMatchObject({ proven: sat(420), stated: sat(420), statement: closed })
      }),
      { numRuns: 1000 },
    )
  })

  it('throws nothing but proof-invalid for a valid one with a member replaced', () => {
    const paths = [...pathsOf(proof)]
    const value = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constant(undefined))
    fc.assert(
      fc.property(fc.constantFrom(...paths), value, (path, put) => {
        const changed = structuredClone(proof) as unknown as Record<string, unknown>
        const last = path.at(-1)!
        const parent = path.slice(0, -1).reduce<Record<string, unknown>>((at, name) => at[name] as never, changed)
        parent[last] = put
        expect([undefined, 'proof-invalid']).toContain(codeThrownBy(() => judge(changed)))
      }),
      { numRuns: 1000 },
    )
  })
})

/** Every place in a JSON value, as the names that lead to it. */
function* pathsOf(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (path.length > 0) yield path
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value as ProofJson)) yield* pathsOf(inner, [...path, name])
}
