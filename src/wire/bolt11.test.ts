import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bech32 } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamError } from '../errors/error.ts'
import { MAX_MSAT, msat, sat } from '../money/msat.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { anyNetwork, hex } from '../terms/testing/arbitraries.ts'
import { checkInvoice, decodeInvoice, expiryOf, type InvoiceExpectation } from './bolt11.ts'
import { utf8 } from './encoding.ts'
import { invoice, nodeKey, nowMs, payee } from './testing/fixtures.ts'
import { field, makeInvoice, signInvoice, timestamp, toWords } from './testing/invoice.ts'

// BOLT 11's own examples are vectors: spec/vectors/bolt11.json

const hash = field('p', new Array(52).fill(1))
const secret = field('s', new Array(52).fill(2))
const description = field('d', bech32.toWords(utf8('x')))
const required = [...timestamp(nowMs), ...hash, ...secret, ...description]
const sign = (prefix: string, words: readonly number[]) => signInvoice(prefix, nodeKey, words)
const codeOf = (text: string) => codeThrownBy(() => decodeInvoice(text))
const refused = (text: string) => expect(codeOf(text)).toBe('invoice-invalid')

describe('decodeInvoice', () => {
  it('reads what a node writes', () => {
    expect(decodeInvoice(invoice)).toEqual({
      request: invoice,
      network: 'regtest',
      amount: sat(20),
      paymentHash: 'ef'.repeat(32),
      payee,
      description: 'Stream',
      createdAtMs: nowMs,
      expiresAtMs: nowMs + 600_000,
      minFinalCltv: 18,
    })
  })

  it("is not needed for when an invoice of one's own node expires", () => {
    expect(expiryOf(invoice)).toBe(decodeInvoice(invoice).expiresAtMs)
    expect(codeThrownBy(() => expiryOf('lnbcrt1'))).toBe('invoice-invalid')
  })

  it('reads every network, amount, text and time', () => {
    const amount = fc.option(fc.bigInt(1n, MAX_MSAT / 10n), { nil: undefined })
    const parts = { hash: hex(64), network: anyNetwork, amount, text: fc.string({ unit: 'grapheme', maxLength: 100 }) }
    const time = { second: fc.integer({ min: 0, max: 2 ** 34 }), life: fc.integer({ min: 1, max: 2 ** 31 }) }
    fc.assert(
      fc.property(fc.record({ ...parts, ...time }), ({ amount: any, text, second, life, ...rest }) => {
        const made = makeInvoice({
          privateKey: nodeKey,
          network: rest.network,
          ...(any !== undefined && { amount: any }),
          paymentHash: rest.hash,
          description: text,
          createdAtMs: second * 1000,
          expiresInSeconds: life,
        })
        expect(decodeInvoice(made)).toMatchObject({
          network: rest.network,
          paymentHash: rest.hash,
          payee,
          description: text,
        })
        expect(decodeInvoice(made).amount).toBe(any)
        expect(decodeInvoice(made).expiresAtMs).toBe((second + life) * 1000)
      }),
      { numRuns: 50 },
    )
  })

  it.each([
    ['lnbcrt1m', 100_000_000n],
    ['lnbcrt1u', 100_000n],
    ['lnbcrt1n', 100n],
    ['lnbcrt10p', 1n],
    ['lnbcrt1', 100_000_000_000n],
    ['lnbcrt21000000', MAX_MSAT],
    ['lnbcrt', undefined],
  ])('reads the amount of %s', (prefix, amount) => {
    expect(decodeInvoice(sign(prefix, required)).amount).toBe(amount)
  })

  it.each([
    'lnbcrt1p',
    'lnbcrt11p',
    'lnbcrt01n',
    'lnbcrt0',
    'lnbcrtn',
    'lnbcrt1x',
    'lnbcrt21000001',
    'lnxy1n',
    'lnbcr',
    'bc',
    'lno',
  ])('refuses the prefix %s', (prefix) => {
    refused(sign(prefix, required))
  })

  it('takes an hour where the invoice is silent, and caps what is beyond sense', () => {
    expect(decodeInvoice(sign('lnbcrt', required)).expiresAtMs).toBe(nowMs + 3_600_000)
    expect(decodeInvoice(sign('lnbcrt', required))).not.toHaveProperty('minFinalCltv')
    const endless = decodeInvoice(sign('lnbcrt', [...required, ...field('x', toWords(2n ** 64n - 1n))]))
    expect(Number.isSafeInteger(endless.expiresAtMs)).toBe(true)
  })

  it.each<[string, readonly number[]]>([
    ['no payment hash', [...timestamp(nowMs), ...secret, ...description]],
    ['no payment secret', [...timestamp(nowMs), ...hash, ...description]],
    ['no description', [...timestamp(nowMs), ...hash, ...secret]],
    ['a description and the hash of one', [...required, ...field('h', new Array(52).fill(3))]],
    [
      'a description that is not UTF-8',
      [...timestamp(nowMs), ...hash, ...secret, ...field('d', bech32.toWords(Uint8Array.of(255)))],
    ],
    ['an expiry with leading zeros', [...required, ...field('x', [0, 1])]],
    ['a CLTV with leading zeros', [...required, ...field('c', [0, 18])]],
    ['features with leading zeros', [...required, ...field('9', [0, 8])]],
    ['an unknown feature that is demanded', [...required, ...field('9', toWords(1n << 30n))]],
    ['a field cut off in its length', [...required, 13, 0]],
    ['a field cut off in its data', [...required, 13, 0, 9, 1]],
    [
      'a payee that did not sign',
      [...required, ...field('n', bech32.toWords(secp256k1.getPublicKey(new Uint8Array(32).fill(9))))],
    ],
    ['a payee that is no key', [...required, ...field('n', new Array(53).fill(31))]],
    ['no time', [1, 2, 3]],
  ])('refuses %s', (_, words) => {
    refused(sign('lnbcrt', words))
  })

  it('takes the payee that is named, if it signed', () => {
    const named = field('n', bech32.toWords(secp256k1.getPublicKey(nodeKey)))
    expect(decodeInvoice(sign('lnbcrt', [...required, ...named])).payee).toBe(payee)
  })

  it('takes the first of several, and ignores unknown and optional things', () => {
    const second = field('p', new Array(52).fill(9))
    const odd = field('9', toWords((1n << 8n) | (1n << 14n) | (1n << 99n)))
    const plain = decodeInvoice(sign('lnbcrt', required))
    const more = decodeInvoice(sign('lnbcrt', [...required, ...second, ...odd, ...field('2', [1, 2, 3])]))
    expect({ ...more, request: '' }).toEqual({ ...plain, request: '' })
  })

  it('notices every changed letter', () => {
    const at = fc.integer({ min: 0, max: invoice.length - 1 })
    fc.assert(
      fc.property(at, fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l1'), (i, letter) => {
        fc.pre(invoice[i] !== letter)
        refused(invoice.slice(0, i) + letter + invoice.slice(i + 1))
      }),
      { numRuns: 200 },
    )
  })

  it('signs for everything: other words under the same signature have another payee or none', () => {
    const { prefix, words } = bech32.decode(invoice as `${string}1${string}`, false)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: words.length - 105 }), fc.integer({ min: 1, max: 31 }), (i, change) => {
        const changed = words.with(i, words[i]! ^ change)
        const text = bech32.encode(prefix, changed, false)
        expect(codeOf(text) ?? decodeInvoice(text).payee).not.toBe(payee)
      }),
      { numRuns: 100 },
    )
  })

  it('throws nothing but invoice-invalid, whatever comes, and reads at most 4 KiB', () => {
    const word = fc.integer({ min: 0, max: 31 })
    const framed = fc
      .tuple(fc.stringMatching(/^ln(bc|bcrt|tb)[0-9]{0,20}[munp]?$/), fc.array(word, { maxLength: 300 }))
      .map(([prefix, words]) => bech32.encode(prefix, words, false))
    const signed = fc.array(word, { minLength: 7, maxLength: 200 }).map((words) => sign('lnbcrt', words))
    fc.assert(
      fc.property(fc.oneof(fc.string(), framed), (text) => {
        expect([undefined, 'invoice-invalid']).toContain(codeOf(text))
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(signed, (text) => {
        expect([undefined, 'invoice-invalid']).toContain(codeOf(text))
      }),
      { numRuns: 100 },
    )
    refused(
      sign('lnbcrt', [
        ...required,
        ...field('2', new Array(1023).fill(0)),
        ...field('2', new Array(1023).fill(0)),
        ...field('2', new Array(1023).fill(0)),
        ...field('2', new Array(1023).fill(0)),
      ]),
    )
    refused('1'.repeat(10_000_000))
  })
})

describe('checkInvoice', () => {
  const expected = { amount: sat(20), network: 'regtest' as const, payee, nowMs, minimumLifeMs: 60_000 }
  const decoded = decodeInvoice(invoice)

  it('takes what was agreed', () => {
    expect(() => checkInvoice(decoded, expected)).not.toThrow()
    expect(() => checkInvoice(decoded, { ...expected, minimumLifeMs: 600_000 })).not.toThrow()
    expect(() => checkInvoice(decoded, { ...expected, description: 'Stream' })).not.toThrow()
  })

  it.each<[string, Partial<InvoiceExpectation>]>([
    ['amount', { amount: msat(19_999n) }],
    ['network', { network: 'mainnet' as 'regtest' }],
    ['payee', { payee: `03${'00'.repeat(32)}` }],
    ['expiry', { minimumLifeMs: 600_001 }],
    ['expiry', { nowMs: nowMs + 700_000 }],
    ['description', { description: 'stream' }],
  ])('names the %s that is wrong', (property, wrong) => {
    const check = () => checkInvoice(decoded, { ...expected, ...wrong })
    expect(check).toThrow(StreamError)
    expect(check).toThrow(
      expect.objectContaining({ code: 'invoice-mismatch', details: expect.objectContaining({ property }) }),
    )
  })

  it('takes no invoice that leaves the amount open', () => {
    const { amount: _, ...open } = decoded
    expect(codeThrownBy(() => checkInvoice(open, expected))).toBe('invoice-mismatch')
  })
})
