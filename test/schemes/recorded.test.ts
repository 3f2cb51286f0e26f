import { afterEach, describe, expect, test, vi } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { sat } from '../../src/money/msat.ts'
import { RecordedNode, RecordedServer, recorded } from './recorded/play.ts'

const [charge, session] = recorded('amboss.json') as [ReturnType<typeof recorded>[0], ReturnType<typeof recorded>[0]]

/** As recorded in November 2026 with the SDK of Amboss; see `recorded/README.md`. */
describe('our buyer says to the SDK of Amboss what it said when that was recorded', () => {
  const ending: (() => unknown)[] = []
  afterEach(async () => {
    for (const end of ending.splice(0).reverse()) await end()
    vi.useRealTimers()
  })
  const play = async (trade: typeof charge, maxRisk: string) => {
    vi.useFakeTimers({ toFake: ['Date'], now: trade.atMs })
    const server = new RecordedServer(trade)
    const url = `${await server.start()}${trade.path}`
    ending.push(() => server.close())
    const node = new RecordedNode(trade)
    const journal = openJournal(':memory:')
    const buyer = createBuyer({ node, journal, maxRisk, schemes: ['session', 'charge'] })
    const texts = []
    for (let n = 0; n < trade.times; n++) texts.push(await (await buyer.fetch(url)).text())
    await buyer.close()
    expect(server.left).toEqual([])
    expect(node.paid).toEqual(trade.payments.map(({ invoice }) => invoice))
    return { texts, prepaid: buyer.prepaid }
  }

  test('charge, paid for each request', async () => {
    const { texts, prepaid } = await play(charge, '50 sat')
    expect(texts).toEqual(['sold', 'sold'])
    expect(prepaid).toMatchObject([
      { scheme: 'charge', paid: sat(7), uses: 1, state: 'closed' },
      { scheme: 'charge', paid: sat(7), uses: 1, state: 'closed' },
    ])
  })

  test('session, fed in the middle of its stream, and closed with what is left coming back', async () => {
    const { texts, prepaid } = await play(session, '20 sat')
    const words = Array.from({ length: 30 }, (_, n) => `data: word ${n}\n\n`)
    expect(texts).toEqual([`${words.join('')}data: [DONE]\n\n`])
    expect(prepaid).toMatchObject([
      { scheme: 'session', paid: sat(40), state: 'closed', refund: { amount: sat(10), status: 'settled' } },
    ])
  })
})
