import { readFileSync } from 'node:fs'
import path from 'node:path'
import { hexToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import * as wire from './index.ts'

/** Reads the vectors as another implementation would: nothing of the scripts that wrote them. */
const read = (name: string): Record<string, Row[]> => {
  const file = path.join(import.meta.dirname, '..', '..', 'spec', 'vectors', `${name}.json`)
  return JSON.parse(readFileSync(file, 'utf8'))
}
// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, and a wrong one fails the test
type Row = any

const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, any) => (typeof any === 'bigint' ? `${any}` : any)))
const refuses = (rows: Row[], reader: (input: Row) => unknown): void => {
  expect(rows.length).toBeGreaterThan(0)
  for (const { name, input, error } of rows)
    expect(
      codeThrownBy(() => reader(input)),
      name,
    ).toBe(error)
}

describe('vectors of the wire', () => {
  it('challenge.json', () => {
    const { ids, challenges, headers, headersRefused, verification, offersRefused } = read('challenge')
    for (const { secret, parameters, id } of ids!) expect(wire.challengeId(hexToBytes(secret), parameters)).toBe(id)
    for (const { secret, canonical, header, expires } of challenges!) {
      const [challenge] = wire.parseChallenges(header)
      expect(wire.verifyChallenge(hexToBytes(secret), challenge!)).toBe(true)
      expect(challenge?.expires).toBe(expires)
      expect(wire.jcs(wire.encodeOffer(wire.decodeOffer(challenge!.request)))).toBe(canonical)
    }
    for (const row of headers!) expect(wire.parseChallenges(row.header), row.name).toEqual(row.challenges)
    for (const { secret, echoed, valid } of verification!) {
      expect(wire.verifyChallenge(hexToBytes(secret), echoed)).toBe(valid)
    }
    refuses(headersRefused!, wire.parseChallenges)
    refuses(offersRefused!, (input) => wire.decodeOffer(wire.encodeJson(input)))
  })

  it('tariff.json', () => {
    const { offersRefused } = read('tariff')
    refuses(offersRefused!, (input) => wire.decodeOffer(wire.encodeJson(input)))
  })

  it('credential.json', () => {
    const { challenge, credentials, refused } = read('credential')
    for (const { payload, header } of credentials!) {
      const credential = wire.parseCredential(header)
      expect(credential.challenge).toEqual(challenge)
      expect(wire.encodePayload(credential.payload)).toEqual(payload)
    }
    refuses(refused!, wire.parseCredential)
  })

  it('schemes.json', () => {
    const vectors = read('schemes')
    const { identifier, caveats, token, invoice, headers, credential, metadata, secret } =
      vectors.l402 as unknown as Row
    const macaroon = wire.parseMacaroon(token)
    expect(wire.verifyMacaroon(hexToBytes(secret), macaroon)).toBe(true)
    expect(wire.decodeIdentifier(macaroon.identifier)).toEqual(identifier)
    expect(macaroon.caveats).toEqual(caveats)
    expect(wire.formatL402({ token, invoice })).toEqual(headers)
    expect(wire.parseL402Metadata(metadata).preimage).toBe(wire.parseL402Credential(credential).preimage)
    for (const { name, header, challenges } of vectors.l402Headers!)
      expect(wire.parseL402(header), name).toEqual(challenges)
    for (const { name, service, caveats, grant } of vectors.grants!)
      expect(plain(wire.readCaveats(caveats, service)), name).toEqual(grant)
    expect(plain(wire.readChallenges([...vectors.requests!.map(({ header }) => header), headers[1]]))).toEqual(
      vectors.requestsRead,
    )
    for (const header of vectors.credentials!) {
      const { challenge, source, payload } = wire.parseAnyCredential(header)
      expect(wire.formatAnyCredential({ challenge, payload, ...(source && { source }) })).toBe(header)
    }
    for (const payload of vectors.sessionPayloads!) expect(wire.decodeSessionPayload(payload)).toEqual(payload)
    for (const { canonical, header } of vectors.receipts!) {
      expect(wire.encodeLightningReceipt(wire.decodeLightningReceipt(header))).toBe(header)
      expect(wire.jcs(wire.lightningReceipt(wire.decodeLightningReceipt(header)))).toBe(canonical)
    }
    for (const { header, ranges } of vectors.acceptPayment!)
      expect(wire.parseAcceptPayment(header) ?? null).toEqual(ranges)
    refuses(vectors.l402HeadersRefused!, wire.parseL402)
    refuses(vectors.l402CredentialsRefused!, wire.parseL402Credential)
    refuses(vectors.grantsRefused!, (input) => wire.readCaveats(input, 'stream'))
    refuses(vectors.chargesRefused!, (input) => wire.decodeChargeRequest(wire.encodeJson(input)))
    refuses(vectors.sessionsRefused!, (input) => wire.decodeSessionRequest(wire.encodeJson(input)))
    refuses(vectors.sessionPayloadsRefused!, wire.decodeSessionPayload)
  })

  it('agreement.json', () => {
    const { agreement, refused, accepted, differences } = read('agreement')
    const { agreement: terms, secret, invoices } = wire.decodeAgreement(agreement)
    expect(wire.encodeAgreement(terms, secret, invoices)).toEqual(agreement)
    const offer = wire.decodeOffer(wire.encodeJson(accepted))
    for (const { got, differs } of differences!) {
      expect(wire.differingTerms(offer, wire.decodeAgreement(got).agreement)).toEqual(differs)
    }
    refuses(refused!, wire.decodeAgreement)
  })

  it('statement.json', () => {
    const { payee, open, closing, refused } = read('statement') as unknown as { payee: string } & Record<string, Row>
    wire.checkSums(wire.decodeStatement(open))
    for (const { statement, signed } of closing) {
      const decoded = wire.decodeStatement(statement)
      expect(wire.signingText(decoded)).toBe(signed)
      expect(codeThrownBy(() => wire.verifyStatement(decoded, payee))).toBeUndefined()
    }
    refuses(refused, (input) => wire.verifyStatement(wire.decodeStatement(input), payee))
  })

  it('proof.json', () => {
    const { payee, judged, refused } = read('proof') as unknown as { payee: string } & Record<string, Row>
    for (const { name, input, judgement } of judged) {
      const judged = wire.judgeProof(wire.readProof(JSON.stringify(input)), payee)
      expect(plain(judged), name).toMatchObject(judgement)
    }
    refuses(refused, (input) => wire.judgeProof(wire.readProof(JSON.stringify(input)), payee))
  })

  it('receipt.json, problem.json and message.json', () => {
    const { receipts, refused } = read('receipt')
    for (const { header, canonical } of receipts!) {
      expect(wire.encodeReceipt(wire.decodeReceipt(header))).toBe(header)
      expect(wire.jcs(wire.decodeJson(header, 'seller-failed'))).toBe(canonical)
    }
    refuses(refused!, wire.decodeReceipt)
    const { problems, foreign } = read('problem')
    for (const document of problems!) expect(wire.fromProblem(document)?.code).toBe(document.code)
    for (const { document, code } of foreign!) expect(wire.fromProblem(document)?.code ?? null).toBe(code)
    const { signed, byNodes, unreadable } = read('message')
    for (const { text, signature, publicKey } of [...signed!, ...byNodes!, ...unreadable!]) {
      expect(wire.verifyMessage(text, signature) ?? null).toBe(publicKey)
    }
  })

  it('bolt11.json', () => {
    const { invoices, refused, checks } = read('bolt11')
    for (const { name, invoice, decoded } of invoices!) {
      const { request, ...rest } = wire.decodeInvoice(invoice)
      expect(plain(rest), name).toEqual(decoded)
      expect(request).toBe(invoice.toLowerCase())
    }
    refuses(refused!, wire.decodeInvoice)
    for (const { name, invoice, expected, error } of checks!) {
      const wanted = { ...expected, amount: BigInt(expected.amount) }
      expect(codeThrownBy(() => wire.checkInvoice(wire.decodeInvoice(invoice), wanted)) ?? null, name).toBe(error)
    }
  })
})
