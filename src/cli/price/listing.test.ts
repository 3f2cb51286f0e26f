import { expect, test } from 'vitest'
import { readListing } from './listing.ts'

const answering = (body: string, init?: ResponseInit) => async () => new Response(body, init)
const read = (value: unknown) => readListing('http://shop.example/a/b', answering(JSON.stringify(value)))

test('both forms of the draft are read, and what is free', async () => {
  const one = { intent: 'charge', method: 'x', amount: '5', currency: 'usd', description: 'by card' }
  const paths = {
    '/a': { post: { summary: 'A', 'x-payment-info': { offers: [one, { ...one, amount: null }] } }, get: {} },
    '/b': { get: { 'x-payment-info': one }, parameters: [] },
  }
  expect(await read({ paths })).toEqual([
    { method: 'GET', path: '/a', title: '', offers: [] },
    {
      method: 'POST',
      path: '/a',
      title: 'A',
      offers: [
        { amount: '5', currency: 'usd', description: 'by card' },
        { amount: null, currency: 'usd', description: 'by card' },
      ],
    },
    { method: 'GET', path: '/b', title: '', offers: [{ amount: '5', currency: 'usd', description: 'by card' }] },
  ])
})

test('what a seller writes does not steer a terminal, and has a bound', async () => {
  const evil = '\u001b[2Jx\u202e\n'
  const paths = { [`/${evil}`]: { get: { summary: evil + 'y'.repeat(1000) } } }
  const [listed] = await read({ paths })
  expect(`${listed!.path}${listed!.title}`).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  expect(listed!.title).toHaveLength(300)
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`/${index}`, { get: {} }]))
  expect(await read({ paths: many })).toHaveLength(1000)
})

test.each([
  ['no JSON', answering('<html>')],
  ['no document', answering('{"paths":[]}')],
  ['a 404', answering('{"paths":{}}', { status: 404 })],
  ['too much', answering('x'.repeat(5 << 20))],
])('%s is no listing', async (_, fetch) => {
  await expect(readListing('http://shop.example/', fetch)).rejects.toMatchObject({ code: 'seller-failed' })
})

test('it is asked for at the origin, and a redirect elsewhere is not followed', async () => {
  const asked: string[] = []
  const fetch = async (input: string | URL | Request) => {
    asked.push(`${input}`)
    return new Response(null, { status: 302, headers: { location: 'http://elsewhere.example/openapi.json' } })
  }
  await expect(readListing('http://shop.example/a/b?c', fetch)).rejects.toMatchObject({ code: 'redirect-refused' })
  expect(asked).toEqual(['http://shop.example/openapi.json'])
})
