import { createHash, randomBytes } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { msat, sat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { codeThrownBy } from '../../money/testing/arbitraries.ts'
import { type InvoiceParts, makeInvoice } from '../../wire/testing/invoice.ts'
import { ScriptedNode, scriptedPair } from '../testing/scripted.ts'
import { maxFeeFor, type Paying, prepareInvoice, prepareKeysend, readPublicKey } from './prepare.ts'
import { createInvoice, keysend, payInvoice, readInvoice } from './verbs.ts'

const NETWORKS = ['mainnet', 'testnet', 'signet', 'regtest', 'simnet'] as const
const payeeKey = secp256k1.utils.randomSecretKey()
const payee = bytesToHex(secp256k1.getPublicKey(payeeKey, true))
const now = Date.now()
const paying = (network: Network): Paying => ({
  network,
  publicKey: `02${'11'.repeat(32)}`,
  alias: 'alice',
  abilities: { sign: true, settlements: 'pushed', keysend: true, anyAmount: true },
})
/** A whole invoice, signed, of any network. */
const invoiceOf = (network: Network, parts: Partial<InvoiceParts> = { amount: 5000n }): string =>
  makeInvoice({
    privateKey: payeeKey,
    network,
    paymentHash: bytesToHex(randomBytes(32)),
    description: 'tea',
    createdAtMs: now,
    expiresInSeconds: 600,
    ...parts,
  })
const prepare = (text: string, node = paying('regtest'), limits = {}, nowMs = now) =>
  prepareInvoice(readInvoice(text), node, limits, nowMs)

describe('the guard, for an invoice of each network and a node of each network', () => {
  const pairs = NETWORKS.flatMap((theirs) => NETWORKS.map((ours) => [theirs, ours] as const))

  test.each(pairs)('an invoice of %s and a node on %s', (theirs, ours) => {
    const text = invoiceOf(theirs)
    if (theirs === ours) return expect(prepare(text, paying(ours))).toMatchObject({ network: ours, amount: 5000n })
    expect(() => prepare(text, paying(ours))).toThrow(
      expect.objectContaining({
        code: 'network-mismatch',
        message: `the invoice is on ${theirs}, and node alice on ${ours}`,
        details: { network: theirs, expected: ours },
      }),
    )
  })

  test.each(pairs.filter(([theirs, ours]) => theirs !== ours))(
    'through the library an invoice of %s asks nothing of a node on %s, and nothing is written',
    async (theirs, ours) => {
      const node = new ScriptedNode(ours)
      const written: unknown[] = []
      const paid = payInvoice(node, invoiceOf(theirs), { beforeSending: (payment) => void written.push(payment) })
      await expect(paid).rejects.toMatchObject({ code: 'network-mismatch' })
      expect([node.calls, written.length]).toEqual([0, 0])
    },
  )

  it('comes before all else that is wrong', () => {
    const expired = invoiceOf('mainnet', { createdAtMs: 0 })
    expect(codeThrownBy(() => prepare(expired, paying('signet'), { amount: 'nonsense' }))).toBe('network-mismatch')
  })
})

describe('an invoice before it is paid', () => {
  it('is refused when its time has come, to the millisecond', () => {
    const text = invoiceOf('regtest')
    const { expiresAtMs } = readInvoice(text)
    expect(prepare(text, paying('regtest'), {}, expiresAtMs - 1).amount).toBe(5000n)
    expect(() => prepare(text, paying('regtest'), {}, expiresAtMs)).toThrow(/expired at 20/)
  })

  it("is refused when it is the node's own", () => {
    const own = { ...paying('regtest'), publicKey: payee }
    expect(() => prepare(invoiceOf('regtest'), own)).toThrow(expect.objectContaining({ code: 'invoice-invalid' }))
  })

  it('that names its amount takes no other', () => {
    expect(prepare(invoiceOf('regtest'), paying('regtest'), { amount: '5 sat' })).toMatchObject({
      amount: 5000n,
      way: expect.not.objectContaining({ chosen: expect.anything() }),
    })
    expect(() => prepare(invoiceOf('regtest'), paying('regtest'), { amount: '6 sat' })).toThrow(
      expect.objectContaining({ code: 'option-invalid', message: expect.stringMatching(/5 sat.*6 sat/) }),
    )
  })

  it('that names none needs one, above zero', () => {
    const any = invoiceOf('regtest', {})
    expect(() => prepare(any)).toThrow(/--amount/)
    expect(codeThrownBy(() => prepare(any, paying('regtest'), { amount: '0 sat' }))).toBe('amount-out-of-range')
    expect(codeThrownBy(() => prepare(any, paying('regtest'), { amount: '22000000 BTC' }))).toBe('amount-out-of-range')
    expect(prepare(any, paying('regtest'), { amount: sat(6) })).toMatchObject({ amount: 6000n, way: { chosen: 6000n } })
  })

  it('that was altered in any character is refused', () => {
    const text = invoiceOf('regtest')
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'023456789acdefghjklmnpqrstuvwxyz'), (at, character) => {
        fc.pre(text[at] !== character)
        const altered = text.slice(0, at) + character + text.slice(at + 1)
        expect(codeThrownBy(() => prepare(altered))).toBe('invoice-invalid')
      }),
      { numRuns: 300 },
    )
  })

  it('of a node whose alias is hostile is refused in plain characters', () => {
    const node = { ...paying('regtest'), alias: 'a\u001b[2J\u202e'.repeat(20) }
    expect(() => prepare(invoiceOf('signet'), node)).toThrow(
      /^the invoice is on signet, and node [\x20-\x7e]+ on regtest$/,
    )
  })
})

describe('a payment without an invoice', () => {
  it('has a preimage of its own each time, and is known by its hash', () => {
    const [one, two] = [1, 2].map(() => prepareKeysend(payee, '3 sat', paying('regtest')))
    for (const { way, paymentHash } of [one!, two!]) {
      const { preimage } = way as { preimage: string }
      expect(createHash('sha256').update(preimage, 'hex').digest('hex')).toBe(paymentHash)
    }
    expect(one!.paymentHash).not.toBe(two!.paymentHash)
  })

  it.each(['', '02', `02${'00'.repeat(32)}`, `04${'11'.repeat(32)}`, `02${'ff'.repeat(32)}`, 'x'.repeat(1e5)])(
    'to %.20j, which is no key, is refused',
    (text) => expect(codeThrownBy(() => readPublicKey(text))).toBe('option-invalid'),
  )

  it('takes the key from before an address, and is not sent to itself', () => {
    expect(readPublicKey(`${payee.toUpperCase()}@127.0.0.1:9735`)).toBe(payee)
    const own = { ...paying('regtest'), publicKey: payee }
    expect(codeThrownBy(() => prepareKeysend(payee, '1 sat', own))).toBe('option-invalid')
    expect(codeThrownBy(() => prepareKeysend(payee, '0 sat', paying('regtest')))).toBe('amount-out-of-range')
  })

  it('is refused by a node that cannot', () => {
    const { abilities } = paying('regtest')
    const node = { ...paying('regtest'), abilities: { ...abilities, keysend: false } }
    expect(codeThrownBy(() => prepareKeysend(payee, '1 sat', node))).toBe('node-unable')
  })
})

describe('the fee cap', () => {
  test.each([
    [sat(1000), undefined, sat(30)],
    [sat(10), undefined, sat(5)],
    [sat(1000), '1%', sat(10)],
    [sat(1000), '0.5 %', sat(5)],
    [sat(1000), '100%', sat(1000)],
    [sat(1), '0%', 0n],
    [sat(1), '7 sat', sat(7)],
    [sat(1), msat(8n), 8n],
  ] as const)('of %s msat, said as %s, is %s msat', (amount, text, cap) => expect(maxFeeFor(amount, text)).toBe(cap))

  test.each(['101%', '-1%', '1.55%', 'much', '', '%'])('%j is none', (text) =>
    expect(codeThrownBy(() => maxFeeFor(sat(1), text))).toBe('option-invalid'),
  )
})

describe('the four verbs of the library', () => {
  it('make an invoice, read it, pay it once, and send without one', async () => {
    const { buyer, seller } = scriptedPair()
    const { request } = await createInvoice(seller, '5 sat', { description: 'tea', expiresInSeconds: 60 })
    expect(readInvoice(`lightning:${request.toUpperCase()}`)).toMatchObject({ amount: 5000n, description: 'tea' })
    const told: string[] = []
    const beforeSending = ({ paymentHash }: { paymentHash: string }) => void told.push(paymentHash)
    expect(await payInvoice(buyer, request, { beforeSending })).toMatchObject({ status: 'settled' })
    expect(await keysend(buyer, seller.publicKey, '3 sat', { beforeSending })).toMatchObject({ status: 'settled' })
    expect(seller.settlements.map(({ paymentHash, amount }) => [paymentHash, amount])).toEqual([
      [told[0], 5000n],
      [told[1], 3000n],
    ])
  })

  it('send nothing that could not be written down', async () => {
    const { buyer, seller } = scriptedPair()
    const { request } = await createInvoice(seller, 'any')
    const beforeSending = () => Promise.reject(new Error('no room'))
    await expect(payInvoice(buyer, request, { amount: '5 sat', beforeSending })).rejects.toThrow('no room')
    await expect(keysend(buyer, seller.publicKey, '3 sat', { beforeSending })).rejects.toThrow('no room')
    expect([buyer.calls, seller.settlements.length]).toEqual([0, 0])
  })

  it.each([
    ['0 sat', {}, 'amount-out-of-range'],
    ['much', {}, 'amount-invalid'],
    ['1 sat', { expiresInSeconds: 0 }, 'option-invalid'],
    ['1 sat', { expiresInSeconds: 1e9 }, 'option-invalid'],
    ['1 sat', { expiresInSeconds: Number.NaN }, 'option-invalid'],
  ])('make no invoice of %j with %j', async (amount, options, code) => {
    const node = new ScriptedNode()
    await expect(createInvoice(node, amount, options)).rejects.toMatchObject({ code })
    expect(node.calls).toBe(0)
  })
})
