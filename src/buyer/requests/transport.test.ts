import { expect, test } from 'vitest'
import { createBuyer } from '../buyer.ts'
import { checkTransport } from './transport.ts'

test.each([
  'https://example.com/',
  'http://localhost:2402/a',
  'http://LOCALHOST/',
  'http://127.0.0.1/',
  'http://127.8.9.10:80/',
  'http://127.1/',
  'http://0x7f000001/',
  'http://[::1]:2402/',
  'http://[0:0:0:0:0:0:0:1]/',
])('%s keeps a credential secret', (url) => {
  expect(() => checkTransport(url)).not.toThrow()
})

test.each([
  'http://example.com/',
  'http://192.168.1.2:2402/',
  'http://127.0.0.1.example.com/',
  'http://localhost.example.com/',
  'http://127.example.com/',
  'http://localhost./',
  'http://[::2]/',
  'http://0.0.0.0/',
  'http://127.0.0.1@example.com/',
])('%s does not', (url) => {
  expect(() => checkTransport(url)).toThrow(
    expect.objectContaining({ code: 'transport-insecure', status: 400, exitCode: 3 }),
  )
})

/** A seller that asks for money, and notes what it is sent. */
function asking() {
  const sent: Array<string | null> = []
  const fetch = async (_: unknown, init: RequestInit = {}) => {
    sent.push(new Headers(init.headers).get('authorization'))
    const challenge = 'Payment id="x", realm="r", method="lightning", intent="stream", request="e30"'
    return new Response('', { status: 402, headers: { 'www-authenticate': challenge } })
  }
  const asked: string[] = []
  const node = new Proxy({}, { get: (_, name) => name !== 'then' && asked.push(String(name)) }) as never
  return { sent, asked, options: { node, fetch: fetch as typeof globalThis.fetch } }
}

test('over plain http to another machine nothing is accepted, sent or asked of the node', async () => {
  const { sent, asked, options } = asking()
  const buyer = createBuyer(options)
  await expect(buyer.fetch('http://example.com/a')).rejects.toMatchObject({ code: 'transport-insecure' })
  expect(sent).toEqual([null])
  expect(asked).toEqual([])
  expect(buyer.trades).toEqual([])
})

test('what asks for no payment may be fetched over plain http', async () => {
  const buyer = createBuyer({ ...asking().options, fetch: async () => new Response('free') })
  expect(await (await buyer.fetch('http://example.com/a')).text()).toBe('free')
})

test('with leave it goes on to the terms', async () => {
  const buyer = createBuyer({ ...asking().options, insecure: true })
  await expect(buyer.fetch('http://example.com/a')).rejects.not.toMatchObject({ code: 'transport-insecure' })
})
