// Runs the spec's vectors through the published wire: as another implementation's author would.
import { readFileSync } from 'node:fs'
import * as wire from 'streampay/wire'
import { tell } from './talk.mjs'

const read = (name) => JSON.parse(readFileSync(`node_modules/streampay/spec/vectors/${name}.json`, 'utf8'))
const wrong = []
let count = 0
const same = (name, got, wanted) => {
  count++
  const [a, b] = [got, wanted].map((value) =>
    JSON.stringify(value, (_, any) => (typeof any === 'bigint' ? `${any}` : any)),
  )
  if (a !== b) wrong.push(`${name}: ${a} is not ${b}`)
}
const codeOf = (work) => {
  try {
    work()
    return null
  } catch (error) {
    return error.code ?? String(error)
  }
}
const refuses = (rows, reader) => {
  for (const { name, input, error } of rows)
    same(
      name,
      codeOf(() => reader(input)),
      error,
    )
}
const hex = (text) => Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16))

const challenge = read('challenge')
for (const { secret, parameters, id } of challenge.ids) same('id', wire.challengeId(hex(secret), parameters), id)
for (const { secret, canonical, header } of challenge.challenges) {
  const [first] = wire.parseChallenges(header)
  same('verified', wire.verifyChallenge(hex(secret), first), true)
  same('canonical', wire.jcs(wire.encodeOffer(wire.decodeOffer(first.request))), canonical)
}
for (const { name, header, challenges } of challenge.headers) same(name, wire.parseChallenges(header), challenges)
refuses(challenge.headersRefused, wire.parseChallenges)
refuses(challenge.offersRefused, (input) => wire.decodeOffer(wire.encodeJson(input)))
refuses(read('tariff').offersRefused, (input) => wire.decodeOffer(wire.encodeJson(input)))
const credential = read('credential')
for (const { payload, header } of credential.credentials) {
  same('payload', wire.jcs(wire.encodePayload(wire.parseCredential(header).payload)), wire.jcs(payload))
}
refuses(credential.refused, wire.parseCredential)
const agreement = read('agreement')
const { agreement: terms, secret, invoices } = wire.decodeAgreement(agreement.agreement)
same('agreement', wire.jcs(wire.encodeAgreement(terms, secret, invoices)), wire.jcs(agreement.agreement))
refuses(agreement.refused, wire.decodeAgreement)
const statement = read('statement')
for (const { statement: text, signed } of statement.closing) {
  const decoded = wire.decodeStatement(text)
  same('signed', wire.signingText(decoded), signed)
  same(
    'signature',
    codeOf(() => wire.verifyStatement(decoded, statement.payee)),
    null,
  )
}
refuses(statement.refused, (input) => wire.verifyStatement(wire.decodeStatement(input), statement.payee))
const message = read('message')
for (const { text, signature, publicKey } of [...message.signed, ...message.byNodes, ...message.unreadable]) {
  same('message', wire.verifyMessage(text, signature) ?? null, publicKey)
}
const receipt = read('receipt')
for (const { header } of receipt.receipts) same('receipt', wire.encodeReceipt(wire.decodeReceipt(header)), header)
refuses(receipt.refused, wire.decodeReceipt)
const problem = read('problem')
for (const { document, code } of problem.foreign) same('problem', wire.fromProblem(document)?.code ?? null, code)
const bolt11 = read('bolt11')
for (const { name, invoice, decoded } of bolt11.invoices) {
  const { request, ...rest } = wire.decodeInvoice(invoice)
  same(
    name,
    JSON.parse(wire.jcs(JSON.parse(JSON.stringify(rest, (_, any) => (typeof any === 'bigint' ? `${any}` : any))))),
    JSON.parse(wire.jcs(decoded)),
  )
  same(name, request, invoice.toLowerCase())
}
refuses(bolt11.refused, wire.decodeInvoice)
tell({ result: { count, wrong } })
