import { readFileSync } from 'node:fs'
import path from 'node:path'
import { bech32 } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { decodeInvoice } from './bolt11.ts'
import { invoiceDetails } from './invoiceDetails.ts'
import { findInvoiceText } from './invoiceText.ts'
import { invoice, nodeKey, nowMs } from './testing/fixtures.ts'
import { field, signInvoice, timestamp } from './testing/invoice.ts'

const VECTORS = path.join(import.meta.dirname, '..', '..', 'spec', 'vectors', 'bolt11.json')
/** BOLT 11's own examples among them. */
const { invoices } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { invoices: { name: string; invoice: string }[] }
const details = invoices.map((vector) => invoiceDetails(vector.invoice))

describe('everything in an invoice', () => {
  it('holds what paying it needs', () => {
    for (const [i, { invoice: text }] of invoices.entries()) expect(details[i]).toMatchObject(decodeInvoice(text))
  })

  it('has the ways to the payee, hop by hop (BOLT 11, "with two extra routing steps")', () => {
    const [found] = details.filter(({ routeHints }) => routeHints.length > 0)
    expect(found!.routeHints[0]!.slice(0, 2)).toEqual([
      {
        publicKey: '029e03a901b85534ff1e92c43c74431f7ce72046060fcf7a95c37e148f78c77255',
        channel: '66051x263430x1800',
        baseFeeMsat: 1n,
        feePerMillion: 20,
        cltvDelta: 3,
      },
      {
        publicKey: '039e03a901b85534ff1e92c43c74431f7ce72046060fcf7a95c37e148f78c77255',
        channel: '197637x395016x2314',
        baseFeeMsat: 2n,
        feePerMillion: 30,
        cltvDelta: 4,
      },
    ])
  })

  it('names the features, and which of them must be known', () => {
    const all = details.flatMap(({ features }) => features)
    expect(all).toContainEqual({ bit: 8, name: 'var_onion_optin', required: true })
    expect(all).toContainEqual({ bit: 14, name: 'payment_secret', required: true })
    expect(all.filter(({ bit }) => bit === 99)).not.toContainEqual(expect.objectContaining({ required: true }))
  })

  it('has the hash of a description, the metadata and the addresses where there are any', () => {
    expect(details.some(({ descriptionHash = '' }) => /^3925b6f67e2c3400/.test(descriptionHash))).toBe(true)
    expect(details.some(({ metadata }) => metadata === '01fafaf0')).toBe(true)
    const versions = new Set(details.flatMap(({ fallbacks }) => fallbacks.map(({ version }) => version)))
    expect([...versions].toSorted()).toEqual(expect.arrayContaining([0, 17, 18]))
  })

  it('leaves out what does not make a whole hop', () => {
    const words = [
      ...timestamp(nowMs),
      ...field('p', new Array(52).fill(1)),
      ...field('s', new Array(52).fill(2)),
      ...field('d', []),
      ...field('r', bech32.toWords(new Uint8Array(50))),
      ...field('f', []),
    ]
    const read = invoiceDetails(signInvoice('lnbcrt', nodeKey, words))
    expect(read).toMatchObject({ routeHints: [[]], fallbacks: [], features: [] })
  })

  it('of any fields, well signed, is read or refused, and nothing else happens', () => {
    const word = fc.integer({ min: 0, max: 31 })
    const fields = fc.array(fc.tuple(fc.constantFrom(...'psdrfnhxc9mqz'), fc.array(word, { maxLength: 120 })), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(fields, fc.array(word, { maxLength: 4 }), (tagged, rest) => {
        const required = [...field('p', new Array(52).fill(1)), ...field('s', new Array(52).fill(2))]
        const more = tagged.flatMap(([tag, words]) => field(tag, words))
        const text = signInvoice('lnbcrt', nodeKey, [...timestamp(nowMs), ...required, ...more, ...rest])
        expect([undefined, 'invoice-invalid']).toContain(codeThrownBy(() => invoiceDetails(text)))
      }),
      { numRuns: 300 },
    )
  })
})

describe('an invoice among other text', () => {
  it.each([
    [' lnbc1 \n', 'lnbc1'],
    ['lightning:LNBC1', 'LNBC1'],
    ['LIGHTNING://lnbc1', 'lnbc1'],
    ['bitcoin:bc1q?amount=0.1&lightning=LNBC1&label=x', 'LNBC1'],
    ['bitcoin:?lightning=lnbc1#f', 'lnbc1'],
    ['http://lnbc1', 'http://lnbc1'],
  ])('%j is found', (text, found) => expect(findInvoiceText(text)).toBe(found))

  it.each(['bitcoin:bc1q', 'bitcoin:bc1q?amount=1', 'bitcoin:bc1q?xlightning=lnbc1', 'bitcoin:?lightning='])(
    '%j has none',
    (text) => expect(codeThrownBy(() => findInvoiceText(text))).toBe('invoice-invalid'),
  )

  it('whatever the text, it is read or refused', () => {
    const schemes = fc.constantFrom('', 'lightning:', 'bitcoin:', 'bitcoin:x?lightning=', 'bitcoin:?&&lightning=', 'ln')
    const rest = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constant(invoice))
    fc.assert(
      fc.property(schemes, rest, (scheme, text) => {
        const code = codeThrownBy(() => invoiceDetails(findInvoiceText(scheme + text)))
        expect([undefined, 'invoice-invalid']).toContain(code)
      }),
      { numRuns: 2000 },
    )
  })

  it('that is very long is refused at once', () => {
    const long = 'bitcoin:?'.padEnd(10_000_000, '&lightning')
    expect(codeThrownBy(() => findInvoiceText(long))).toBe('invoice-invalid')
  })
})
