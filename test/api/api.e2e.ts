import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { ofCaller } from '../../src/ledger/ofCaller.ts'
import { temporaryFolder } from '../../src/ledger/testing/temporary.ts'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { createInvoice, payInvoice } from '../../src/lightning/verbs/verbs.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { paywall } from '../../src/seller/paywall.ts'
import { judgeProof, readProof } from '../../src/wire/proof.ts'
import { problem, Stand } from './stand.ts'

const folder = temporaryFolder()
let nodes: EmbeddedPair
beforeAll(async () => {
  nodes = await embeddedPair()
})
afterAll(() => nodes?.close())

const open = (name: string) => Stand.open(nodes.buyer, { journal: openJournal(join(folder(), `${name}.db`)) })
const sha256 = (hex: string) => createHash('sha256').update(hex, 'hex').digest('hex')

test('an invoice of the process is paid by another node, and one of that node is paid here, once', async () => {
  const { ask } = await open('by-hand')
  const { invoice, paymentHash } = (await ask('POST', '/invoices', { amount: '21 sat', description: 'tea' })).body
  expect((await ask('GET', `/invoices/${paymentHash}`)).body).toMatchObject({ status: 'open' })

  const other = await createInvoice(nodes.seller, '500 sat')
  const paid = await ask('POST', '/payments', { invoice: other.request, max: '510 sat' })
  expect(paid.body).toMatchObject({ status: 'settled', amount: '500000', paymentHash: other.paymentHash })
  expect(sha256(paid.body.preimage)).toBe(other.paymentHash)
  expect((await ask('POST', '/payments', { invoice: other.request })).body).toEqual(paid.body)
  expect((await ask('GET', `/payments/${other.paymentHash}`)).body).toEqual(paid.body)
  expect((await nodes.seller.findInvoice(other.paymentHash))?.received).toBe(500_000n)

  expect(await payInvoice(nodes.seller, invoice)).toMatchObject({ status: 'settled' })
  const shown = async () => (await ask('GET', `/invoices/${paymentHash}`)).body
  await expect.poll(shown).toMatchObject({ status: 'settled', received: '21000' })
  expect((await ask('GET', '/history')).body.payments).toMatchObject([
    { paymentHash: other.paymentHash, status: 'settled', invoice: other.request },
  ])
})

test('what a caller bought is its own: listed, closed with its balance back, and proven', async () => {
  const stand = await open('bought')
  const { ask, journal } = stand
  const [ada, bob] = [
    (await ask('POST', '/callers', { name: 'ada', max: '300 sat' })).body.token,
    (await ask('POST', '/callers', { name: 'bob' })).body.token,
  ]
  const wall = paywall({ node: nodes.seller, price: '1 sat/KiB' })
  const server = await serve(
    wall(async () => new Response(new Uint8Array(64 << 10))),
    { port: 0 },
  )
  try {
    const { body: offer } = await ask('POST', '/offers', { url: `${server.url}/film` }, ada)
    expect(offer).toMatchObject({ price: '1 sat/KiB', payee: (await nodes.seller.info()).publicKey })
    const buyer = createBuyer({ node: nodes.buyer, journal: ofCaller(journal, 'ada', { max: 300_000n as never }) })
    expect((await (await buyer.fetch(`${server.url}/film`)).arrayBuffer()).byteLength).toBe(64 << 10)
    await buyer.close({ keep: true })

    const [agreement] = (await ask('GET', '/agreements?status=open', undefined, ada)).body.agreements
    expect(agreement).toMatchObject({ seller: server.url, status: 'open', caller: 'ada' })
    const where = `/agreements/${agreement.agreement}`
    expect(await ask('POST', `${where}/close`, undefined, bob)).toMatchObject({
      status: 404,
      body: problem('not-found'),
    })
    expect((await ask('POST', `${where}/close`, undefined, ada)).body.state).toBe('closed')
    const proof = (await ask('GET', `${where}/statement`, undefined, ada)).body
    expect(judgeProof(readProof(JSON.stringify(proof)))).toMatchObject({ verdict: 'proven' })
    expect(proof.statement.delivered).toBe('64000')

    const rest = await createInvoice(nodes.seller, '300 sat')
    expect(await ask('POST', '/payments', { invoice: rest.request }, ada)).toMatchObject({
      status: 402,
      body: problem('budget-exhausted', { limit: 'caller', max: '300000' }),
    })
    expect(await nodes.seller.findInvoice(rest.paymentHash)).toMatchObject({ status: 'open' })
  } finally {
    await server.close(0)
    await wall.close()
  }
})
