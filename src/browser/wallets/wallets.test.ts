import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import * as library from 'nostr-tools/nip04'
import { getPublicKey } from 'nostr-tools/pure'
import { expect, test } from 'vitest'
import { sat } from '../../money/msat.ts'
import { foreignInvoice } from '../../wire/testing/invoice.ts'
import { nip04 } from './nwcLink.ts'
import { refusalOf } from './refusal.ts'
import { openWebLn } from './webln.ts'

test.each([
  ['User rejected', 'payment-failed'],
  ['Payment failed: FAILURE_REASON_NO_ROUTE', 'no-route'],
  ['Insufficient balance', 'balance-insufficient'],
  ['the invoice has expired', 'invoice-invalid'],
])('"%s" is a failure: %s', (message, reason) => {
  expect(refusalOf(new Error(message))).toMatchObject({ status: 'failed', reason })
})

test.each([new Error('timeout'), 'something', undefined, { code: 7 }])(
  'of %s nobody knows whether it was paid',
  (error) => {
    expect(refusalOf(error).status).toBe('unknown')
  },
)

const webln = (sendPayment: () => Promise<{ preimage: string }>) => ({
  enable: async () => {},
  getInfo: async () => ({ node: { alias: 'w', pubkey: '02'.padEnd(66, '1') } }),
  sendPayment,
})

test('a wallet that says paid and shows another preimage has paid nothing that is known', async () => {
  const node = await openWebLn(
    webln(async () => ({ preimage: '00'.repeat(32) })),
    'regtest',
  )
  const payment = { request: foreignInvoice(), maxFee: sat(1), timeoutMs: 1000 }
  expect(await node.pay(payment)).toMatchObject({ status: 'unknown' })
})

test('a preimage that opens the hash settles, and the same invoice is never sent twice', async () => {
  const preimage = '11'.repeat(32)
  let sent = 0
  const wallet = webln(async () => {
    sent++
    return { preimage }
  })
  const node = await openWebLn(wallet, 'regtest')
  const request = foreignInvoice({ paymentHash: bytesToHex(sha256(hexToBytes(preimage))) })
  for (let i = 0; i < 2; i++) {
    expect(await node.pay({ request, maxFee: sat(1), timeoutMs: 1000 })).toMatchObject({ status: 'settled', preimage })
  }
  expect(sent).toBe(1)
})

test('a wallet that hesitates is asked after, and what an earlier page sent stays open', async () => {
  const answer = Promise.withResolvers<{ preimage: string }>()
  const node = await openWebLn(
    webln(() => answer.promise),
    'regtest',
  )
  const paymentHash = bytesToHex(sha256(hexToBytes('22'.repeat(32))))
  const request = foreignInvoice({ paymentHash })
  expect(await node.pay({ request, maxFee: sat(1), timeoutMs: 1 })).toEqual({ status: 'pending' })
  answer.resolve({ preimage: '22'.repeat(32) })
  await answer.promise
  await new Promise((resolve) => setTimeout(resolve))
  expect(await node.lookupPayment(paymentHash)).toMatchObject({ status: 'settled' })
  await expect(node.lookupPayment('33'.repeat(32))).rejects.toMatchObject({ code: 'node-unable' })
})

test('what is sealed by NIP-04 in the one way is opened in the other', async () => {
  const [own, wallet] = [3, 7].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array]
  const cipher = nip04(own, getPublicKey(wallet))
  const text = JSON.stringify({ method: 'pay_invoice', params: { note: 'grün, 1 € – 你好' } })
  expect(library.decrypt(wallet, getPublicKey(own), await cipher.seal(text))).toBe(text)
  expect(await cipher.open(library.encrypt(wallet, getPublicKey(own), text))).toBe(text)
  await expect(cipher.open('bm90IHNlYWxlZA==?iv=bm90IGFuIGl2')).rejects.toThrow()
})
