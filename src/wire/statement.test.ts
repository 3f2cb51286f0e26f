import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { msat, sat } from '../money/msat.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { jcs } from './encoding.ts'
import { signMessageWith } from './message.ts'
import {
  checkStatement,
  checkSums,
  decodeStatement,
  encodeStatement,
  type Statement,
  signingText,
  verifyClosing,
  verifyStatement,
} from './statement.ts'
import { anyStatement } from './testing/arbitraries.ts'
import { agreement, nodeKey, payee, statement } from './testing/fixtures.ts'

const sign = (any: Statement): Statement => ({ ...any, signature: signMessageWith(nodeKey, signingText(any)) })
const closing = sign({ ...statement, state: 'closed' })
const json = encodeStatement(closing)
const refused = (action: () => unknown) => expect(codeThrownBy(action)).toBe('statement-invalid')

describe('decodeStatement', () => {
  it('reads what encodeStatement writes, so that the signed text comes out the same', () => {
    fc.assert(
      fc.property(anyStatement, (any) => {
        const decoded = decodeStatement(JSON.parse(jcs(encodeStatement(any))))
        expect(decoded).toEqual(any)
        expect(signingText(decoded)).toBe(signingText(any))
        expect(codeThrownBy(() => checkSums(decoded))).toBeUndefined()
      }),
    )
  })

  it('keeps members it does not know, because the signature covers them', () => {
    const further = sign({
      ...closing,
      further: Object.fromEntries([
        ['tier', 'gold'],
        ['__proto__', 'x'],
      ]),
    })
    verifyStatement(decodeStatement(JSON.parse(jcs(encodeStatement(further)))), payee)
    refused(() => verifyStatement({ ...further, further: { tier: 'iron' } }, payee))
    refused(() => decodeStatement({ ...json, tier: { deep: 1 } }))
    refused(() =>
      decodeStatement({ ...json, ...Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`x${i}`, ''])) }),
    )
  })

  it('misses every member but the signature', () => {
    for (const name of Object.keys(json).filter((key) => key !== 'signature')) {
      refused(() => decodeStatement({ ...json, [name]: undefined }))
    }
  })

  it.each<[string, object]>([
    ['a time without milliseconds', { at: '2026-01-02T03:04:05Z' }],
    ['a time elsewhere', { at: '2026-01-02T04:04:05.000+01:00' }],
    ['a state it does not know', { state: 'lost' }],
    ['steps as a number', { steps: 412 }],
    ['steps below zero', { steps: '-1' }],
    ['an endless signature', { signature: 'y'.repeat(201) }],
  ])('refuses %s', (_, wrong) => {
    refused(() => decodeStatement({ ...json, ...wrong }))
  })

  it('throws nothing but statement-invalid', () => {
    const altered = fc
      .tuple(fc.constantFrom(...Object.keys(json), 'x'), fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' })))
      .map(([name, value]) => ({ ...json, [name]: value }))
    fc.assert(
      fc.property(fc.oneof(altered, fc.jsonValue(), fc.anything()), (value) => {
        const code = codeThrownBy(() => verifyStatement(decodeStatement(value), payee))
        expect([undefined, 'statement-invalid']).toContain(code)
      }),
      { numRuns: 500 },
    )
  })
})

describe('checkSums', () => {
  it.each<[string, Partial<Statement>]>([
    ['a msat too much delivered', { delivered: msat(412_346n) }],
    ['a msat too little delivered', { delivered: msat(412_344n) }],
    ['more steps than delivered', { steps: 500_000n }],
    ['a wrong balance', { balance: msat(1n) }],
    ['a return beyond what was paid', { returned: sat(421), balance: sat(0) }],
    ['something due on an open stream', { due: sat(1) }],
    ['more than all bitcoin', { steps: 10n ** 30n }],
  ])('refuses %s', (_, wrong) => {
    refused(() => checkSums({ ...statement, ...wrong }))
  })

  it('knows a balance is never below zero', () => {
    expect(codeThrownBy(() => checkSums({ ...statement, paid: sat(1), balance: sat(0) }))).toBeUndefined()
    expect(codeThrownBy(() => checkSums({ ...statement, state: 'paused', due: sat(1) }))).toBeUndefined()
  })
})

describe('checkStatement', () => {
  it('takes the same price however it is written, and nothing of another agreement', () => {
    checkStatement(statement, agreement)
    checkStatement({ ...statement, price: { msat: 1n, per: 1n, unit: 'token' } }, agreement)
    refused(() => checkStatement(statement, { ...agreement, id: '00'.repeat(16) }))
    refused(() => checkStatement(statement, { ...agreement, payee: `03${'00'.repeat(32)}` }))
    refused(() => checkStatement(statement, { ...agreement, network: 'mainnet' }))
    refused(() => checkStatement(statement, { ...agreement, price: { ...agreement.price, msat: 999n } }))
    refused(() => checkStatement(statement, { ...agreement, price: { ...agreement.price, unit: 'byte' } }))
  })
})

describe('verifyStatement', () => {
  it('takes the signature of the payee, and of no one else', () => {
    verifyStatement(decodeStatement(json), payee)
    refused(() => verifyStatement(statement, payee))
    refused(() => verifyStatement(closing, `03${'00'.repeat(32)}`))
    refused(() => verifyStatement({ ...closing, signature: 'nope' }, payee))
    const forged = { ...closing, signature: signMessageWith(new Uint8Array(32).fill(9), signingText(closing)) }
    refused(() => verifyStatement(forged, payee))
  })

  it('notices every change', () => {
    const changes: Partial<Statement>[] = [
      { sequence: 8n },
      { agreement: '00'.repeat(16) },
      { state: 'open' },
      { atMs: closing.atMs + 1 },
      { network: 'mainnet' },
      { paid: sat(421), balance: msat(8_655n) },
      { returned: sat(1), balance: msat(6_655n) },
    ]
    for (const change of changes) refused(() => verifyStatement({ ...closing, ...change }, payee))
  })
})

describe('verifyClosing', () => {
  const agreed = { ...agreement, unsigned: true as const }
  const { signature: _, ...withoutMark } = closing
  const bare: Statement = { ...withoutMark, unsigned: true }

  it('takes a statement that nobody signed only where the agreement said so, and marked', () => {
    verifyClosing(decodeStatement(encodeStatement(bare)), agreed)
    verifyClosing(closing, agreed)
    verifyClosing(closing, agreement)
    refused(() => verifyClosing(bare, agreement))
    refused(() => verifyClosing(withoutMark, agreed))
  })

  it('takes no signed statement whose signature went, nor one that is marked and signed', () => {
    refused(() => verifyClosing(withoutMark, agreement))
    refused(() => verifyClosing({ ...closing, unsigned: true }, agreed))
    refused(() => verifyStatement(sign(bare), payee))
    refused(() => verifyClosing({ ...bare, balance: msat(1n) }, agreed))
    refused(() => decodeStatement({ ...json, unsigned: 'no' }))
  })
})
