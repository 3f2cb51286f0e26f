import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../../money/testing/arbitraries.ts'
import { invoice } from '../testing/fixtures.ts'
import {
  formatL402,
  formatL402Credential,
  formatL402Metadata,
  isL402Credential,
  parseL402,
  parseL402Credential,
  parseL402Metadata,
} from './header.ts'
import { addCaveat, encodeIdentifier, formatMacaroon, mintMacaroon } from './macaroon.ts'

const identifier = encodeIdentifier({ paymentHash: 'ef'.repeat(32), tokenId: '12'.repeat(32) })
const macaroon = mintMacaroon(new Uint8Array(32), identifier, 'api', ['services=stream:0'])
const token = formatMacaroon(macaroon)
const preimage = 'ab'.repeat(32)
const challenge = { token, invoice }

describe('L402 challenges', () => {
  it('are written so that deployed clients find them', () => {
    const [lsat, l402] = formatL402(challenge)
    // what aperture's and lnget's expressions look for
    const deployed = /(LSAT|L402) macaroon="(.*?)", invoice="(.*?)"/
    expect(deployed.exec(lsat!)?.slice(1)).toEqual(['LSAT', token, invoice])
    expect(deployed.exec(l402!)?.slice(1)).toEqual(['L402', token, invoice])
  })

  it.each<[string, string | string[]]>([
    ['both, on two lines', formatL402(challenge)],
    ['both, joined', formatL402(challenge).join(', ')],
    ['the specification', `L402 version="0", token="${token}", invoice="${invoice}"`],
    ['deployed servers', `L402 macaroon="${token}", invoice="${invoice}"`],
    ['LSAT', `LSAT macaroon="${token}", invoice="${invoice}"`],
    ['the invoice first', `L402 invoice="${invoice}", macaroon="${token}"`],
    ['no quotes', `L402 macaroon=${token}, invoice=${invoice}`],
    ['no commas', `L402 macaroon="${token}" invoice="${invoice}"`],
    ['any case', `l402 Macaroon="${token}", INVOICE="${invoice}"`],
    ['parameters of later versions', `L402 macaroon="${token}", invoice="${invoice}", hint="x"`],
    ['a Payment challenge before', `Payment id="x", realm="r", L402 macaroon="${token}", invoice="${invoice}"`],
  ])('are read: %s', (_, header) => {
    expect(parseL402(header)).toEqual([challenge])
  })

  it.each(['eyJpZCI6IjAwIn0', 'eyJpZCI6IjAwIn0=', 'eyJpZCI6IjAwIn0.3f2a', 'a-b_c~d/e+f='])(
    'may have a token that is no macaroon: %s',
    (other) => {
      expect(parseL402(`L402 macaroon="${other}", invoice="${invoice}"`)).toEqual([{ token: other, invoice }])
    },
  )

  it('keep what can be read beside what cannot', () => {
    const good = `L402 macaroon="${token}", invoice="${invoice}"`
    for (const broken of ['L402 macaroon="x"', `L402 ${token}`, `L402 macaroon="a b", invoice="${invoice}"`]) {
      expect(codeThrownBy(() => parseL402(broken))).toBe('challenge-malformed')
      expect(parseL402([broken, good])).toEqual([challenge])
    }
    expect(parseL402('Payment id="x"')).toEqual([])
  })

  it('throw nothing but challenge-malformed, whatever the header', () => {
    const pieces = fc.constantFrom(
      'L402 ',
      'LSAT ',
      'macaroon=',
      'invoice=',
      'token=',
      `"${token}"`,
      invoice,
      '"',
      ',',
      ' ',
    )
    const soup = fc
      .array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 30 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(soup, (header) => {
        expect([undefined, 'challenge-malformed']).toContain(codeThrownBy(() => parseL402(header)))
      }),
      { numRuns: 5000 },
    )
  })
})

describe('L402 credentials', () => {
  const header = formatL402Credential(token, preimage)
  const read = { macaroons: [macaroon], preimage }

  it.each<[string, string]>([
    ['as written', header],
    ['LSAT', header.replace('L402', 'LSAT')],
    ['as Go clients send it: the same under both names, joined', `${header.replace('L402', 'LSAT')}, ${header}`],
    ['a preimage in capitals', `L402 ${token}:${preimage.toUpperCase()}`],
    ['spaces around it', `  l402   ${token}:${preimage} `],
  ])('are read: %s', (_, value) => {
    expect(isL402Credential(value)).toBe(true)
    expect(parseL402Credential(value)).toEqual(read)
  })

  it('may hold several macaroons', () => {
    expect(parseL402Credential(`L402 ${token},${token}:${preimage}`)).toEqual({
      ...read,
      macaroons: [macaroon, macaroon],
    })
  })

  it('are refused when two differ, or there are too many', () => {
    const other = formatL402Credential(token, 'cd'.repeat(32))
    expect(codeThrownBy(() => parseL402Credential(`${header}, ${other}`))).toBe('credential-duplicate')
    const five = new Array(5).fill(token).join(',')
    expect(codeThrownBy(() => parseL402Credential(`L402 ${five}:${preimage}`))).toBe('credential-malformed')
    expect(codeThrownBy(() => parseL402Credential('x'.repeat(40_000)))).toBe('credential-malformed')
  })

  it('come in the metadata of gRPC too', () => {
    const value = formatL402Metadata(macaroon, preimage)
    expect(parseL402Metadata(value)).toEqual({ macaroons: [addCaveat(macaroon, `preimage=${preimage}`)], preimage })
    const without = formatL402Metadata(macaroon, 'short')
    expect(codeThrownBy(() => parseL402Metadata(without))).toBe('credential-malformed')
    for (const wrong of ['', 'abc', 'zz', 'ff'.repeat(5000)]) {
      expect(['credential-malformed', 'macaroon-invalid']).toContain(codeThrownBy(() => parseL402Metadata(wrong)))
    }
  })

  it('throw nothing but their own errors, whatever the header', () => {
    const pieces = fc.constantFrom('L402 ', 'LSAT ', token, ':', preimage, ',', ' ', '=')
    const soup = fc
      .array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 20 })
      .map((parts) => parts.join(''))
    const own = [undefined, 'credential-malformed', 'credential-duplicate', 'macaroon-invalid']
    fc.assert(
      fc.property(soup, (value) => {
        expect(own).toContain(codeThrownBy(() => parseL402Credential(value)))
        expect(own).toContain(codeThrownBy(() => parseL402Metadata(value)))
      }),
      { numRuns: 5000 },
    )
  })
})
