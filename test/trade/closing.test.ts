import { describe, expect, test } from 'vitest'
import type { Buyer } from '../../src/buyer/buyer.ts'
import { proofOf } from '../../src/buyer/journal/proof.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { minus } from '../../src/money/msat.ts'
import type { WebHandler } from '../../src/seller/adapters/node.ts'
import { parseChallenges } from '../../src/wire/header.ts'
import { decodeOffer } from '../../src/wire/offer.ts'
import { judgeProof, readProof } from '../../src/wire/proof.ts'
import { encodeReceipt } from '../../src/wire/receipt.ts'
import { decodeStatement, encodeStatement, signingText, verifyStatement } from '../../src/wire/statement.ts'
import { bytes, openMarket, readAll, rejection, Source, sleep, until } from './market.ts'
import { altering, codeOf, RawBuyer } from './wire.ts'

const KIB = 1024

/** What the buyer holds against the closing, or why it could not close. */
const outcomeOf = (buyer: Buyer): Promise<unknown> =>
  buyer.close().then(
    ([closing]) => closing?.dispute,
    (error) => error,
  )

describe('the closing statement', () => {
  test('is signed, adds up, and is kept in the journal so that anybody can check it', async () => {
    const journal = openJournal(':memory:')
    const market = await openMarket({ handler: bytes(10 * KIB) })
    const kept: Array<string | undefined> = []
    const close = journal.closeAgreement.bind(journal)
    journal.closeAgreement = async (id, statement) => {
      kept.push(statement)
      await close(id, statement)
    }
    const buyer = market.buyer({ journal })
    await readAll(await buyer.fetch(market.url))
    await buyer.close()
    const statement = decodeStatement(JSON.parse(kept[0]!))
    expect(() => verifyStatement(statement, market.nodes.seller.publicKey)).not.toThrow()
    expect(statement).toMatchObject({ steps: BigInt(10 * KIB), state: 'closed' })
    expect(await journal.agreements('open')).toEqual([])
  })

  test.each([1n, 5000n])('that counts %i more than was received, signed: count-mismatch', async (more) => {
    const market = await openMarket({
      handler: bytes(10 * KIB),
      tamper: altering('close', async (json) => {
        const honest = decodeStatement(json)
        const steps = honest.steps + more
        const delivered = ((steps * honest.price.msat) / honest.price.per) as never
        const balance = (honest.paid > delivered ? honest.paid - delivered : 0n) as never
        const lie = { ...honest, steps, delivered, balance }
        return encodeStatement({ ...lie, signature: await market.nodes.seller.signMessage(signingText(lie)) })
      }),
    })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    const [closing] = await buyer.close()
    expect(closing?.dispute).toMatchObject({
      code: 'count-mismatch',
      details: { stated: `${BigInt(10 * KIB) + more}`, received: `${10 * KIB}` },
    })
  })

  test.each([
    ['with a count that was altered', { steps: '1' }],
    ['with a balance that was altered', { balance: '999' }],
    ['with another payee', { payee: `02${'ab'.repeat(32)}` }],
    ['of another agreement', { agreement: 'ab'.repeat(16) }],
    ['at another price', { amount: '1' }],
    ['without its signature', { signature: undefined }],
    ['marked unsigned, though it was to be signed', { signature: undefined, unsigned: 'true' }],
    ['marked unsigned, and with its signature', { unsigned: 'true' }],
    ['with a signature of something else', { signature: 'ybndrfg8'.repeat(13) }],
  ])('%s: statement-invalid', async (_, change) => {
    const market = await openMarket({
      handler: bytes(10 * KIB),
      tamper: altering('close', (json) => ({ ...json, ...change })),
    })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    expect(await outcomeOf(buyer)).toMatchObject({ code: 'statement-invalid' })
  })

  test('that leaves out a payment, signed: statement-invalid', async () => {
    const market = await openMarket({
      handler: bytes(10 * KIB),
      tamper: altering('close', async (json) => {
        const honest = decodeStatement(json)
        const paid = (honest.paid - 1n) as typeof honest.paid
        const lie = { ...honest, paid, balance: minus(paid, honest.delivered) }
        return encodeStatement({ ...lie, signature: await market.nodes.seller.signMessage(signingText(lie)) })
      }),
    })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    const [closing] = await buyer.close()
    expect(closing?.dispute).toMatchObject({ code: 'statement-invalid', details: { paid: `${buyer.trades[0]!.paid}` } })
  })

  test('that is not a closing one: statement-invalid', async () => {
    const market = await openMarket({
      handler: bytes(10 * KIB),
      tamper: altering('close', async (json) => {
        const { signature: _, ...open } = { ...decodeStatement(json), state: 'open' as const }
        return encodeStatement({ ...open, signature: await market.nodes.seller.signMessage(signingText(open)) })
      }),
    })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    expect((await buyer.close())[0]?.dispute).toMatchObject({ code: 'statement-invalid' })
  })

  test('from a seller that is gone: the buyer learns it', async () => {
    const market = await openMarket({ handler: bytes(10 * KIB) })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    await market.server.close(0)
    expect(await rejection(buyer.close())).toMatchObject({ code: 'seller-unreachable' })
  })
})

describe('a seller that cannot sign', () => {
  const silent = async (tamper?: Parameters<typeof openMarket>[0]['tamper']) => {
    const nodes = scriptedPair()
    nodes.seller.signs = false
    return openMarket({ handler: bytes(10 * KIB), nodes, ...(tamper && { tamper }) })
  }

  test('says so in its offer, and closes with a statement that is marked', async () => {
    const market = await silent()
    const offer = decodeOffer(parseChallenges((await fetch(market.url)).headers.get('www-authenticate')!)[0]!.request)
    expect(offer.unsigned).toBe(true)
    const journal = openJournal(':memory:')
    const buyer = market.buyer({ journal })
    await readAll(await buyer.fetch(market.url))
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement).toMatchObject({ steps: BigInt(10 * KIB), state: 'closed', unsigned: true })
    expect(closing?.statement).not.toHaveProperty('signature')
    const [kept] = await journal.agreements()
    const proof = readProof(JSON.stringify(await proofOf(journal, kept!)))
    // What was paid is proven all the same: the invoices are signed.
    expect(judgeProof(proof)).toMatchObject({ verdict: 'unsigned', proven: closing?.statement.paid })
  })

  test.each([
    ['without the mark', { unsigned: undefined }],
    ['with a count that does not add up', { steps: '1' }],
    ['with a signature of nobody', { signature: 'ybndrfg8'.repeat(13) }],
    ['signed by another in place of the mark', { unsigned: undefined, signature: 'ybndrfg8'.repeat(13) }],
  ])('is held to what it said: %s is statement-invalid', async (_, change) => {
    const market = await silent(altering('close', (json) => ({ ...json, ...change })))
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    expect(await outcomeOf(buyer)).toMatchObject({ code: 'statement-invalid' })
  })

  test('after it could: what was to be signed is not closed unsigned, nor gone on with as if it were', async () => {
    const market = await openMarket({ handler: bytes(10 * KIB) })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    market.nodes.seller.signs = false
    expect(await rejection(buyer.close())).toMatchObject({
      code: expect.stringMatching(/^(seller-failed|node-unable)$/),
    })
    market.nodes.seller.signs = true
    const again = market.buyer()
    await readAll(await again.fetch(market.url))
    expect((await again.close())[0]?.dispute).toBeUndefined()
  })

  test('has not said it in the agreement alone: that is not what was accepted', async () => {
    const market = await openMarket({
      handler: bytes(10 * KIB),
      tamper: altering('accept', (json) => {
        const { methodDetails, ...rest } = json as Record<string, unknown> & { methodDetails: object }
        return { ...rest, methodDetails: { ...methodDetails, statements: 'unsigned' } }
      }),
    })
    expect(await rejection(market.buyer().fetch(market.url))).toMatchObject({ code: 'seller-failed' })
    expect(market.attempts).toEqual([])
  })
})

describe('the balance', () => {
  const invoiceFor = async (market: Awaited<ReturnType<typeof openMarket>>, amount: bigint): Promise<string> => {
    const [invoice] = await market.nodes.buyer.createInvoices([
      { amount: amount as never, description: 'return', expiresInSeconds: 600 },
    ])
    return invoice!.request
  }
  const paidAndClosed = async () => {
    const market = await openMarket({ handler: bytes(KIB) })
    const raw = await new RawBuyer(market).agree([9000n])
    raw.pay(...raw.deal.invoices)
    await readAll(await raw.use())
    return { market, raw }
  }

  test('comes back whole, once', async () => {
    const { market, raw } = await paidAndClosed()
    await raw.send({ action: 'close', ...raw.proof })
    const invoice = await invoiceFor(market, 8000n)
    const answer = await (await raw.send({ action: 'return', ...raw.proof, invoice })).json()
    expect(answer).toMatchObject({ status: 'settled', statement: { returned: '8000', balance: '0' } })
    // The same invoice again is asking how its claim stands.
    const { calls } = market.nodes.seller
    const again = await raw.send({ action: 'return', ...raw.proof, invoice })
    expect(await again.json()).toMatchObject({ status: 'settled', statement: { returned: '8000', balance: '0' } })
    const another = await raw.send({ action: 'return', ...raw.proof, invoice: await invoiceFor(market, 1000n) })
    expect(await codeOf(another)).toBe('return-invalid')
    expect(market.nodes.seller.calls, 'with nothing to return the node is not asked').toBe(calls)
    expect(market.nodes.buyer.settlements.map(({ amount }) => amount)).toEqual([8000n])
  })

  test('asked for many times at once comes back once', async () => {
    const { market, raw } = await paidAndClosed()
    await raw.send({ action: 'close', ...raw.proof })
    const invoices = await Promise.all(Array.from({ length: 6 }, () => invoiceFor(market, 8000n)))
    const answers = await Promise.all(invoices.map((invoice) => raw.send({ action: 'return', ...raw.proof, invoice })))
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1)
    expect(market.nodes.buyer.settlements).toHaveLength(1)
  })

  test('is not returned above itself, before the agreement is closed, nor without an amount or on another network', async () => {
    const { market, raw } = await paidAndClosed()
    const ask = async (invoice: string) => codeOf(await raw.send({ action: 'return', ...raw.proof, invoice }))
    expect(await ask(await invoiceFor(market, 8000n))).toBe('return-invalid')
    await raw.send({ action: 'close', ...raw.proof })
    expect(await ask(await invoiceFor(market, 8001n))).toBe('return-invalid')
    market.nodes.buyer.alter = ({ amount: _, ...parts }) => parts
    expect(await ask(await invoiceFor(market, 8000n))).toBe('return-invalid')
    market.nodes.buyer.alter = (parts) => ({ ...parts, network: 'mainnet' })
    expect(await ask(await invoiceFor(market, 8000n))).toBe('return-invalid')
    market.nodes.buyer.alter = (parts) => ({ ...parts, createdAtMs: Date.now() - 3_600_000 })
    expect(await ask(await invoiceFor(market, 8000n))).toBe('return-invalid')
    expect(market.nodes.buyer.settlements).toEqual([])
  })

  test('is taken back by the buyer itself', async () => {
    const handler = () => Response.json({ usage: { completion_tokens: 1 } })
    const market = await openMarket({ price: '1 sat/token', handler })
    const buyer = market.buyer({ ahead: '40 sat' })
    await (await buyer.fetch(market.url)).json()
    const [closing] = await buyer.close()
    expect(closing).toMatchObject({ returned: 'settled', statement: { steps: 1n } })
    expect(closing?.dispute).toBeUndefined()
    expect(closing!.amount).toBe(market.settled - 1000n)
    expect(market.nodes.buyer.settlements.map(({ amount }) => amount)).toEqual([closing!.amount])
    expect(buyer.trades[0]?.returned).toBe(closing!.amount)
  })
})

test('a payment that is sent while a closing buyer waits for another is waited for too, and is in the statement', async () => {
  const invoices = Promise.withResolvers<void>()
  const first = Promise.withResolvers<undefined>()
  const market = await openMarket({
    credit: '5 sat',
    handler: () => new Response(new Source(100 * KIB, KIB).body),
    tamper: altering('invoices', async (json) => {
      await invoices.promise
      return json
    }),
  })
  market.script = (_, number) => (number === 0 ? first.promise : sleep(300).then(() => undefined))
  const buyer = market.buyer({ ahead: '10 sat' })
  const reader = (await buyer.fetch(market.url)).body!.getReader()
  for (let received = 0; received < 5 * KIB; ) received += (await reader.read()).value!.length
  await reader.cancel()
  const closing = buyer.close()
  invoices.resolve()
  await until(() => market.attempts.length > 1)
  first.resolve(undefined)
  const [closed] = await closing
  expect(closed?.dispute).toBeUndefined()
  expect(closed?.statement.paid).toBe(market.settled)
  expect(buyer.trades[0]).toMatchObject({ inFlight: 0n, paid: market.settled })
})

describe('the receipt', () => {
  const lying = (write: (id: string) => string) => (inner: WebHandler) => async (request: Request) => {
    const response = await inner(request)
    const receipt = response.headers.get('payment-receipt')
    if (receipt === null) return response
    const headers = new Headers(response.headers)
    headers.set('payment-receipt', write(receipt))
    return new Response(response.body, { status: response.status, headers })
  }

  test.each([
    [
      'names another agreement',
      () => encodeReceipt({ method: 'lightning', reference: '0'.repeat(32), timestampMs: 0 }),
    ],
    ['cannot be read', () => 'AAAA'],
  ])('that %s is told and noted, and ends nothing', async (_, write) => {
    const journal = openJournal(':memory:')
    const market = await openMarket({ handler: bytes(20_000), tamper: lying(write) })
    const buyer = market.buyer({ journal })
    expect(await readAll(await buyer.fetch(market.url))).toBe(20_000)
    expect(buyer.trades).toMatchObject([{ receiptFault: { code: 'receipt-mismatch' } }])
    const [closing] = await buyer.close()
    expect(closing).toMatchObject({ returned: expect.anything() })
    expect(closing!.dispute).toBeUndefined()
    expect(await journal.agreements()).toMatchObject([{ fault: expect.stringMatching(/^receipt-mismatch: /) }])
  })

  test('that names the agreement is no matter', async () => {
    const market = await openMarket({ handler: bytes(20_000) })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    expect(buyer.trades[0]).not.toHaveProperty('receiptFault')
  })
})
