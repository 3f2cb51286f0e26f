import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLedger } from '../../ledger/index.ts'
import { agreement, invoice, settlement } from '../../ledger/testing/samples.ts'
import { sat } from '../../money/msat.ts'
import { Account } from '../account.ts'
import { BODY_END, type BodyRead } from '../adapters/response.ts'
import { SessionBody } from './sessionBody.ts'

/** Events as sources write them, in any of the line ends. */
const anyEvent = fc
  .tuple(
    fc.array(fc.stringMatching(/^(data|event|id): [a-z[\]{}:" ]{0,12}$/), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('\n', '\r\n'),
  )
  .map(([lines, end]) => `${lines.map((line) => line + end).join('')}${end}`)
const anyCuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })

function cut(text: string, sizes: readonly number[]): Uint8Array[] {
  const bytes = new TextEncoder().encode(text)
  const chunks: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

async function account(): Promise<Account> {
  const ledger = openLedger(':memory:')
  await ledger.addAgreement(agreement(1), 1, [invoice(1)], 'offered')
  await ledger.settle(settlement(1, sat(10)))
  return new Account((await ledger.getAgreement(agreement(1).id))!, ledger, () => 1n)
}

test('however a stream is cut into chunks, its events come whole and in order, and the receipt once, before the end', async () => {
  const one = await account()
  const run = fc.asyncProperty(
    fc.array(anyEvent, { maxLength: 12 }),
    fc.boolean(),
    anyCuts,
    async (events, ends, cuts) => {
      const text = events.join('') + (ends ? 'data: [DONE]\n\n' : '')
      const chunks = cut(text, cuts)
      const read = async (): Promise<BodyRead> => {
        const value = chunks.shift()
        return value ? { done: false, value } : BODY_END
      }
      const body = new SessionBody(
        { read, cancel: async () => {} },
        { account: one, sessionId: 'ab'.repeat(32), used: () => ({ spentSats: 1n, units: 1n }) },
      )
      let got = ''
      for (let next = await body.read(); !next.done; next = await body.read()) {
        const piece = new TextDecoder().decode(next.value)
        expect(piece, 'no event is cut').toMatch(/(\r\n\r\n|\n\n)$/)
        got += piece
      }
      const receipt = /event: payment-receipt\ndata: [^\n]*\n\n/
      expect(got.split('event: payment-receipt'), 'one receipt').toHaveLength(2)
      expect(got.replace(receipt, '')).toBe(text)
      const done = /(^|[\r\n])data: ?\[DONE\]/.exec(got)
      if (done) expect(got.search(receipt)).toBeLessThanOrEqual(done.index + 1)
    },
  )
  await fc.assert(run, { numRuns: 300 })
})
