import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test, vi } from 'vitest'
import type { Buyer } from '../../src/buyer/buyer.ts'
import { CODES } from '../../src/errors/codes.ts'
import { StreamError, toStreamError } from '../../src/errors/error.ts'
import { bytes, openMarket } from '../../test/trade/market.ts'
import { ROOT } from '../run/child.ts'

const folder = mkdtempSync(path.join(import.meta.dirname, '.example-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The example of docs/errors.md, on the sources in the place of the package. */
async function example(): Promise<(buyer: Buyer, url: string, tries?: number) => Promise<string>> {
  const text = readFileSync(path.join(ROOT, 'docs', 'errors.md'), 'utf8')
  const [, code = ''] = /^```ts\n(.*?)^```$/ms.exec(text) ?? []
  const file = path.join(folder, 'example.ts')
  const source = (name: string) => `'${pathToFileURL(path.join(ROOT, 'src', name, 'index.ts')).href}'`
  writeFileSync(file, code.replace(`'streampay'`, source('')).replace(`'streampay/buyer'`, source('buyer')))
  return (await import(file)).readPatiently
}

test('the example of docs/errors.md runs as printed: it tries again where that may help, and nowhere else', async () => {
  const said: string[] = []
  const print = vi.spyOn(console, 'error').mockImplementation((line) => said.push(line))
  const readPatiently = await example()
  const market = await openMarket({ handler: bytes(4096) })
  expect(await readPatiently(market.buyer(), market.url)).toHaveLength(4096)
  expect(said).toEqual([])

  let broken = 2
  const shaky = market.buyer({
    fetch: async (input, init) => {
      if (broken-- > 0) throw new TypeError('fetch failed')
      return fetch(input, init)
    },
  })
  expect(await readPatiently(shaky, market.url)).toHaveLength(4096)
  expect(said.splice(0)).toEqual([0, 1].map(() => expect.stringMatching(/^seller-unreachable: 0 msat paid/)))

  const poor = market.buyer({ max: '2 sat', maxFeePercent: 0 })
  await expect(readPatiently(poor, market.url)).rejects.toMatchObject({ code: 'budget-exhausted', paid: 2000n })
  expect(said).toEqual([expect.stringMatching(/^budget-exhausted: 2000 msat paid, 2000 msat's worth received\. /)])
  print.mockRestore()
})

test('an error says the same as JSON, and is known among copies of the package', async () => {
  const cause = new Error('why')
  const error = new StreamError('stream-interrupted', 'it broke', { paid: '5', received: '3' }, cause)
  const { hint } = CODES['stream-interrupted']
  const json = { name: 'StreamError', code: 'stream-interrupted', message: 'it broke', hint, retryable: true }
  expect(JSON.parse(JSON.stringify(error))).toEqual({ ...json, details: { paid: '5', received: '3' } })
  expect(error).toMatchObject({ paid: 5n, received: 3n, cause })
  expect(new StreamError('internal', '', { paid: 'lots' }).paid).toBeUndefined()

  vi.resetModules()
  const copy = await import('../../src/errors/error.ts')
  const other = new copy.StreamError('no-route', 'none')
  expect(other instanceof StreamError).toBe(false)
  expect(StreamError.is(other)).toBe(true)
  expect(toStreamError(other)).toBe(other)
  for (const thrown of [cause, undefined, null, 'x', { code: 'no-route' }]) expect(StreamError.is(thrown)).toBe(false)
})
