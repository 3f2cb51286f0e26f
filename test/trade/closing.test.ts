import { describe, expect, test } from 'vitest'
import { openJournal } from '../../src/ledger/index.ts'
import { minus } from '../../src/money/msat.ts'
import { decodeStatement, encodeStatement, signingText, verifyStatement } from '../../src/wire/statement.ts'
import { bytes, openMarket, readAll, rejection } from './market.ts'
import { altering, codeOf, RawBuyer } from './wire.ts'

const KIB = 1024

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
    expect(await journal.openAgreements()).toEqual([])
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
    ['with a signature of something else', { signature: 'ybndrfg8'.repeat(13) }],
  ])('%s: statement-invalid', async (_, change) => {
    const market = await openMarket({
      handler: bytes(10 * KIB),
      tamper: altering('close', (json) => ({ ...json, ...change })),
    })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    const outcome = await buyer.close().then(
      ([closing]) => closing?.dispute,
      (error) => error,
    )
    expect(outcome).toMatchObject({ code: 'statement-invalid' })
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
    const again = await raw.send({ action: 'return', ...raw.proof, invoice })
    expect(again.status).toBe(400)
    expect(await codeOf(again)).toBe('return-invalid')
    const another = await raw.send({ action: 'return', ...raw.proof, invoice: await invoiceFor(market, 1000n) })
    expect(await codeOf(another)).toBe('return-invalid')
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

  test('whose return fails may be asked for again; one of unknown outcome may not', async () => {
    const { market, raw } = await paidAndClosed()
    await raw.send({ action: 'close', ...raw.proof })
    const ask = async () => {
      const invoice = await invoiceFor(market, 8000n)
      return (await raw.send({ action: 'return', ...raw.proof, invoice })).json()
    }
    market.nodes.seller.script = () => ({ status: 'failed', reason: 'no-route', detail: '' })
    expect(await ask()).toMatchObject({ status: 'failed', statement: { returned: '0', balance: '8000' } })
    market.nodes.seller.script = () => ({ status: 'unknown', detail: '' })
    expect(await ask()).toMatchObject({ status: 'pending', statement: { returned: '8000', balance: '0' } })
    market.nodes.seller.script = () => undefined
    expect(await ask()).toMatchObject({ code: 'return-invalid' })
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
