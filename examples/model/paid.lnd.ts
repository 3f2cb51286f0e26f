import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { serveGatedModel } from './gated.ts'
import { type ModelServer, startModelServer } from './server.ts'
import { modelAvailable } from './setup.ts'
import { type Bought, buyAnswer, type Sold, sellModel } from './trade.ts'

const { net, skip: noNet } = await sharedNet()
const model = modelAvailable()
const skip = noNet ?? (model === true ? undefined : model)
/** The first start fetches the model. */
const FETCH_MS = 300_000
const SAT = 1000n
const QUESTION = 'Explain, step by step, how rain forms.'

describe.skipIf(skip)(`a model sold over two LND nodes${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let server: ModelServer
  let home: string

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'streampay-model-'))
    server = await startModelServer({ port: 0 })
  }, FETCH_MS)
  afterAll(async () => {
    await server?.close()
    await rm(home, { recursive: true, force: true })
  })

  async function trade(price: string): Promise<{ bought: Bought; sold: Sold }> {
    const sale = await sellModel({ url: server.url, price, credit: '10 sat', node: net!.bob.spec, home })
    try {
      const purchase = { question: QUESTION, maxTokens: 80, ahead: '20 sat', node: net!.alice.spec, home }
      const bought = await buyAnswer({ url: sale.url, ...purchase })
      const [sold, ...others] = await sale.stop()
      expect(others).toEqual([])
      return { bought, sold: sold! }
    } finally {
      await sale.stop().catch(() => {})
    }
  }

  /** What holds for every sale, whatever is counted. */
  function expectFair({ bought, sold }: { bought: Bought; sold: Sold }): void {
    expect(bought.text.length).toBeGreaterThan(20)
    expect(bought.tokens).toBeGreaterThan(0)
    expect(bought.maxAhead).toBeLessThanOrEqual(bought.ahead)
    expect(sold.maxUnpaid).toBeLessThanOrEqual(sold.credit)
    expect(bought.statement).toMatchObject({ state: 'closed', payee: net!.bob.publicKey, network: 'regtest' })
    expect(bought.statement?.signature).toMatch(/^[a-z0-9]+$/)
    expect(bought.statement?.delivered).toBe(`${sold.delivered}`)
    expect(bought.paid).toBe(sold.paid)
    expect(bought.returned).toBe(bought.paid - sold.delivered)
    expect(bought.fees).toBe(0n)
  }

  test('per token: what is paid is exactly the tokens that came', async () => {
    const { bought, sold } = await trade('1 sat/token')
    expectFair({ bought, sold })
    expect(bought.units).toBe(bought.tokens)
    expect(bought.delivered).toBe(BigInt(bought.tokens) * SAT)
    expect(sold.delivered).toBe(bought.delivered)
  })

  test('per second: what is paid is the time the model worked', async () => {
    const { bought, sold } = await trade('10 sat/s')
    expectFair({ bought, sold })
    expect(sold.delivered).toBe(BigInt(Math.round(sold.units * 1000)) * 10n)
    // The seller may count no more time than the buyer waited.
    expect(sold.units * 1000).toBeLessThanOrEqual(bought.durationMs)
  })

  test('when the money stops, the model stops', async () => {
    const gated = await serveGatedModel({ price: '1 sat/token', credit: '10 sat', node: net!.bob.spec })
    try {
      const purchase = { question: QUESTION, maxTokens: 400, ahead: '20 sat', node: net!.alice.spec, home }
      const buying = buyAnswer({ url: gated.url, max: '30 sat', ...purchase })
      await expect(buying).rejects.toThrow('budget-exhausted')
      const tokens = await gated.tokens()
      expect(tokens).toBeGreaterThanOrEqual(30)
      // Paid, credit, and the one token that waits at the gate.
      expect(tokens).toBeLessThanOrEqual(30 + 10 + 1)
    } finally {
      await gated.close()
    }
  })
})
