import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, test } from 'vitest'
import { StreamError } from '../../src/errors/error.ts'
import { parseCredential } from '../../src/wire/credential.ts'
import { toProblem } from '../../src/wire/problem.ts'
import type { InvoiceParts } from '../../src/wire/testing/invoice.ts'
import { bytes, openMarket, readAll, rejection, Source } from './market.ts'
import { altering } from './wire.ts'

const KIB = 1024

const wrong: ReadonlyArray<readonly [string, (parts: InvoiceParts) => InvoiceParts, string]> = [
  ['asks for more', (parts) => ({ ...parts, amount: parts.amount! + 1n }), 'amount'],
  ['asks for less', (parts) => ({ ...parts, amount: parts.amount! - 1n }), 'amount'],
  ['leaves the amount open', ({ amount: _, ...parts }) => parts, 'amount'],
  ['is on another network', (parts) => ({ ...parts, network: 'mainnet' }), 'network'],
  ['is another node’s', (parts) => ({ ...parts, privateKey: secp256k1.utils.randomSecretKey() }), 'payee'],
  [
    'is said to be for something else',
    (parts) => ({ ...parts, description: `stream ${'00'.repeat(16)}` }),
    'description',
  ],
  ['has expired', (parts) => ({ ...parts, createdAtMs: Date.now() - 3_600_000 }), 'expiry'],
  ['expires too soon', (parts) => ({ ...parts, expiresInSeconds: 5 }), 'expiry'],
]

describe('a first invoice', () => {
  test.each(wrong)('that %s is not paid', async (_, alter, property) => {
    const market = await openMarket({ handler: bytes(20 * KIB) })
    market.nodes.seller.alter = alter
    const buyer = market.buyer()
    const error = await rejection(buyer.fetch(market.url))
    expect(error).toMatchObject({ code: 'invoice-mismatch', details: { property } })
    expect(market.attempts).toEqual([])
    expect(buyer.spent).toBe(0n)
  })

  test.each([
    ['garbage', ['lnbcrt1garbage'], 'invoice-invalid'],
    ['not there', [], 'invoice-mismatch'],
  ])('that is %s is not paid', async (_, invoices, code) => {
    const market = await openMarket({
      handler: bytes(20 * KIB),
      tamper: altering('accept', (json) => ({ ...json, invoices })),
    })
    expect(await rejection(market.buyer().fetch(market.url))).toMatchObject({ code })
    expect(market.attempts).toEqual([])
  })
})

describe('a later invoice', () => {
  test.each(wrong)('that %s ends the paying, and the reader is told', async (_, alter, property) => {
    const market = await openMarket({ handler: () => new Response(new Source(400 * KIB).body), graceMs: 20_000 })
    const buyer = market.buyer()
    const response = await buyer.fetch(market.url)
    market.nodes.seller.alter = alter
    const paid = market.attempts.length
    const error = await rejection(readAll(response))
    expect(error).toMatchObject({ code: 'invoice-mismatch', details: { property } })
    // Invoices that were good when they came may still be paid; none that came after.
    expect(market.attempts.length - paid).toBeLessThanOrEqual(17)
    expect(market.account.gate.paid).toBe(market.settled)
  })

  test('that was paid before is not paid again', async () => {
    let first: unknown
    const market = await openMarket({
      handler: () => new Response(new Source(400 * KIB).body),
      graceMs: 20_000,
      tamper: altering('invoices', (json) => {
        first ??= json.invoices
        return { invoices: (json.invoices as string[]).map((invoice, i) => (first as string[])[i] ?? invoice) }
      }),
    })
    expect(await rejection(market.buyer().fetch(market.url).then(readAll))).toMatchObject({ code: 'invoice-mismatch' })
  })
})

describe('a seller whose node is away', () => {
  /** Refuses to make more invoices so many times, as a seller does whose node restarts. */
  const awayFor = async (refusals: number) => {
    let refused = 0
    const market = await openMarket({
      handler: () => new Response(new Source(200 * KIB).body),
      graceMs: 20_000,
      tamper: (inner) => async (request) => {
        const credential = request.headers.get('authorization')
        if (credential === null || parseCredential(credential).payload.action !== 'invoices') return inner(request)
        if (refused >= refusals) return inner(request)
        refused++
        return Response.json(toProblem(new StreamError('node-unreachable', 'making an invoice: gone')), { status: 503 })
      },
    })
    return { market, refused: () => refused }
  }

  test('is asked again, and the stream goes on', async () => {
    // More often than anything else that passes by itself is tried.
    const { market, refused } = await awayFor(4)
    const body = await readAll(await market.buyer().fetch(market.url))
    expect(body).toBe(200 * KIB)
    expect(refused()).toBe(4)
  })

  test('for longer than the reader waits is what the reader is told', async () => {
    const { market } = await awayFor(Number.POSITIVE_INFINITY)
    const error = await rejection(market.buyer({ stallMs: 1500 }).fetch(market.url).then(readAll))
    expect(error).toMatchObject({ code: 'node-unreachable', details: { paid: expect.any(String) } })
  })
})

describe('the window and the smallest payment', () => {
  test('a window below the smallest payment: the error names what it takes, and with that it works', async () => {
    const market = await openMarket({ handler: bytes(20 * KIB), smallestPayment: '8 sat', graceMs: 20_000 })
    const error = await rejection(market.buyer({ ahead: '5 sat' }).fetch(market.url).then(readAll))
    expect(error).toMatchObject({ code: 'window-too-small', details: { ahead: '5000', needed: '8000' } })
    expect(market.attempts).toEqual([])
    const enough = market.buyer({ ahead: `${error.details!.needed} msat` })
    expect(await readAll(await enough.fetch(market.url))).toBe(20 * KIB)
  })

  test('a step above the window: the same', async () => {
    const market = await openMarket({
      price: '7 sat/request',
      handler: () => new Response('dear'),
      graceMs: 20_000,
    })
    const error = await rejection(market.buyer({ ahead: '3 sat' }).fetch(market.url).then(readAll))
    expect(error).toMatchObject({ code: 'window-too-small', details: { needed: '7000' } })
    expect(market.settled).toBe(0n)
    const buyer = market.buyer({ ahead: `${error.details!.needed} msat` })
    for (let i = 0; i < 3; i++) expect(await readAll(await buyer.fetch(market.url))).toBe(4)
  })

  test('an own unit that asks for many steps at once', async () => {
    const market = await openMarket({
      price: '1 sat/image',
      graceMs: 20_000,
      handler: async (_request, meter) => {
        await meter.add(1)
        await meter.add(12)
        return new Response('images')
      },
    })
    const small = market.buyer({ ahead: '4 sat' })
    const error = await rejection(small.fetch(market.url).then(readAll))
    expect(error).toMatchObject({ code: 'window-too-small' })
    const needed = BigInt(error.details!.needed!)
    expect(needed).toBeGreaterThan(4000n)
    expect(await readAll(await market.buyer({ ahead: `${needed} msat` }).fetch(market.url))).toBe(6)
  })
})
