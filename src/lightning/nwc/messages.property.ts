import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import type { Asked } from './ask.ts'
import { brief, NoAnswer, reasonIn, WalletRefusal } from './errors.ts'
import { identify } from './identity.ts'
import { findInvoice, listInvoices, lookupInvoice, makeInvoice, recordOf } from './invoices.ts'
import {
  envelopeSchema,
  isSettled,
  MAX_CONTENT,
  notificationSchema,
  readAnswer,
  readJson,
  transactionSchema,
} from './messages.ts'
import { outcomeOf } from './pay.ts'

const hash = 'ab'.repeat(32)
const whole = {
  type: 'incoming',
  state: 'settled',
  invoice: 'lnbcrt1',
  description: 'x',
  preimage: hash,
  payment_hash: hash,
  amount: 1000,
  fees_paid: 0,
  created_at: 1_800_000_000,
  settled_at: 1_800_000_001,
  expires_at: 1_800_000_600,
}
const odd = fc.oneof(fc.jsonValue(), fc.anything(), fc.constantFrom(-1, 0.5, 2 ** 53, Number.NaN, '1', null, hash))
/** A wallet's word with one member of its own invention, or nothing of a wallet's word. */
const said = fc.oneof(
  fc.tuple(fc.constantFrom(...Object.keys(whole)), odd).map(([name, value]) => ({ ...whole, [name]: value })),
  fc.record({ transactions: fc.array(odd, { maxLength: 3 }) }),
  fc.record({ invoice: odd, payment_hash: odd }),
  fc.record({ methods: odd, network: odd, pubkey: odd, notifications: odd, alias: odd }),
  odd,
)

/** Only the errors that a caller of a node may see. */
async function fails(action: () => Promise<unknown>): Promise<void> {
  await action().catch((error) => {
    expect(error).toBeInstanceOf(StreamError)
    expect((error as StreamError).code).toMatch(/^(node-(failed|denied|unable)|network-(refused|mismatch))$/)
  })
}

describe('the words of a wallet', () => {
  it('throw nothing but a StreamError, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(said, fc.constantFrom('seller' as const, 'buyer' as const, undefined), async (answer, role) => {
        const link: Asked = { request: async () => answer }
        await fails(() => lookupInvoice(link, hash))
        await fails(() => findInvoice(link, hash))
        await fails(() => listInvoices(link, 10))
        await fails(() => makeInvoice(link, { amount: 'any', description: '', expiresInSeconds: 1 }))
        await fails(() => identify(link, { methods: [], notifications: [] }, { role, wallet: hash }))
      }),
      { numRuns: 1000 },
    )
  })

  it('are read as an envelope or not at all, at no more than so many characters', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (content) => {
        const json = readJson(content)
        notificationSchema.safeParse(json)
        const read = envelopeSchema.safeParse(json)
        if (read.success) expect(typeof json).toBe('object')
      }),
    )
    expect(readJson(`"${'x'.repeat(MAX_CONTENT)}"`)).toBeUndefined()
    expect(envelopeSchema.safeParse({ result_type: 'pay_invoice', result: {}, error: null }).success).toBe(true)
    expect(envelopeSchema.safeParse({ error: { code: 'OTHER' } }).success).toBe(true)
  })

  it('count as a payment only with a hash and a whole amount', () => {
    fc.assert(
      fc.property(said, (answer) => {
        const read = transactionSchema.safeParse(answer)
        if (!read.success) return
        expect(read.data.payment_hash).toMatch(/^[0-9a-f]{64}$/)
        expect(read.data.amount).toBeGreaterThanOrEqual(0n)
        const record = recordOf(read.data, 0)
        expect(record.received > 0n).toBe(isSettled(read.data) && read.data.amount > 0n)
        // No word makes a payment settled whose preimage does not open its hash.
        const outcome = outcomeOf(read.data)
        expect(outcome.status).not.toBe('settled')
      }),
      { numRuns: 1000 },
    )
  })

  it('that are missing or nonsense where no money hangs on it are passed over', () => {
    const read = transactionSchema.parse({ ...whole, description: 5, preimage: '', invoice: null, created_at: 'now' })
    expect(read).toMatchObject({ preimage: undefined, amount: 1000n, payment_hash: hash })
    expect(() => readAnswer(transactionSchema, { ...whole, settled_at: 'yes' }, 'lookup_invoice')).toThrow(
      /lookup_invoice cannot be read: settled_at/,
    )
  })

  it('never steer a terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(brief(text)).not.toMatch(/[\p{Cc}]/u)
        expect(brief(text).length).toBeLessThanOrEqual(200)
        reasonIn(text)
      }),
    )
  })
})

describe('isSettled', () => {
  const of = (changes: object) =>
    isSettled(transactionSchema.parse({ ...whole, state: undefined, settled_at: null, ...changes }))

  it('is the state where there is one, and a time of settling where there is none', () => {
    expect(of({ state: 'settled' })).toBe(true)
    expect(of({ state: 'SETTLED' })).toBe(true)
    expect(of({ settled_at: 5 })).toBe(true)
    expect(of({ state: 'pending', settled_at: 5 })).toBe(false)
    expect(of({ state: 'accepted' })).toBe(false)
    expect(of({ settled_at: 0 })).toBe(false)
    expect(of({})).toBe(false)
  })
})

describe('outcomeOf', () => {
  const preimage = 'cd'.repeat(32)
  const sent = { ...whole, type: 'outgoing', payment_hash: bytesToHex(sha256(Buffer.from(preimage, 'hex'))), preimage }
  const of = (changes: object) => outcomeOf(transactionSchema.parse({ ...sent, ...changes }))

  it('is settled with a preimage that opens the hash, and unknown where a wallet only says so', () => {
    expect(of({ fees_paid: 7 })).toEqual({ status: 'settled', preimage, fee: 7n })
    expect(of({ state: undefined })).toMatchObject({ status: 'settled' })
    expect(of({ preimage: '' })).toMatchObject({ status: 'unknown' })
    expect(of({ preimage: hash })).toMatchObject({ status: 'unknown' })
    expect(of({ preimage: '', state: 'pending', settled_at: null })).toEqual({ status: 'pending' })
    expect(of({ state: 'failed' })).toMatchObject({ status: 'failed' })
  })
})

describe('errors of a wallet', () => {
  it.each([
    ['unable to find a path to destination', 'no-route'],
    ['FAILURE_REASON_NO_ROUTE', 'no-route'],
    ['insufficient local balance', 'balance-insufficient'],
    ['max fee exceeded', 'fee-too-high'],
    ['payment timed out', 'payment-timeout'],
    ['invoice expired', 'invoice-invalid'],
    ['who knows', 'payment-failed'],
  ])('"%s" is %s', (text, reason) => expect(reasonIn(text)).toBe(reason))

  it('carry what they were', () => {
    expect(new WalletRefusal('OTHER', 'x')).toMatchObject({ code: 'OTHER', message: 'x' })
    expect(new NoAnswer('x', true).sent).toBe(true)
  })
})
