import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sat, ZERO } from '../../money/msat.ts'
import { type EmbeddedPair, embeddedPair } from './testing/pair.ts'

/** What others send reaches LDK's WASM code, where a panic would take the node down. */

let pair: EmbeddedPair
const logs: string[] = []
beforeAll(async () => {
  pair = await embeddedPair({ log: (line) => logs.push(line) })
})
afterAll(() => pair.close())

const pay = (request: string) => pair.buyer.pay({ request, maxFee: ZERO, timeoutMs: 20_000 })
const invoiceFor = async (description: string) => {
  const [invoice] = await pair.seller.createInvoices([{ amount: sat(1), description, expiresInSeconds: 600 }])
  return invoice!.request
}
const assertAlive = async () => {
  expect(await pay(await invoiceFor('still there'))).toMatchObject({ status: 'settled' })
  expect(logs.filter((line) => /stopped|panic/.test(line))).toEqual([])
}

it('survives text that is no invoice', async () => {
  const valid = await invoiceFor('mutated')
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 500 }),
    fc.string({ maxLength: 500 }).map((rest) => `lnbcrt${rest}`),
    fc
      .tuple(fc.nat(valid.length - 1), fc.string({ maxLength: 3 }))
      .map(([at, what]) => valid.slice(0, at) + what + valid.slice(at + 1)),
  )
  await fc.assert(
    fc.asyncProperty(text, async (request) => {
      fc.pre(request.toLowerCase() !== valid)
      expect(await pay(request)).toMatchObject({ status: 'failed', reason: 'invoice-invalid' })
    }),
    { numRuns: 500 },
  )
  await assertAlive()
})

it('makes an invoice of any description or says that it cannot', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 800 }), async (description) => {
      const made = await invoiceFor(description).catch((error) => error.code)
      expect(made).toMatch(/^(lnbcrt|option-invalid$)/)
    }),
    { numRuns: 200 },
  )
  await assertAlive()
})

it('hangs up on a caller that does not speak its protocol', async () => {
  const chain = new DatabaseSync(join(pair.home, 'chain.db'), { readOnly: true })
  const ports = chain.prepare('SELECT host, port FROM peer').all() as { host: string; port: number }[]
  chain.close()
  expect(ports.map(({ host }) => host)).toEqual(['127.0.0.1', '127.0.0.1'])
  for (const { host, port } of ports) {
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(5)), Buffer.alloc(50), Buffer.alloc(70_000, 1)]) {
      const socket = connect(port, host)
      socket.on('error', () => {})
      socket.write(bytes)
      await new Promise((resolve) => socket.once('close', resolve))
    }
  }
  await assertAlive()
})
