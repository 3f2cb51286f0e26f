/*
 * What draft-payment-discovery asks and no other test shows.
 */
import { expect, test } from 'vitest'
import { withCors } from '../../src/gateway/pages/cors.ts'
import { openStand } from '../gateway/stand.ts'

const ROUTES = [{ path: '/data/**', upstream: 'http://127.0.0.1:9/', price: '1 sat/MiB' as const }]

test('the document says for how long it may be kept, and pages of other origins may read it', async () => {
  const stand = await openStand({ routes: ROUTES })
  const handle = withCors((request) => stand.gateway.handle(request))
  const headers = { origin: 'https://page.example' }
  const response = await handle(new Request(`${stand.url}/openapi.json`, { headers }))
  expect(response.status).toBe(200)
  expect(response.headers.get('cache-control')).toMatch(/max-age=[1-9]/)
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
})

test('the price of a seller that tells nothing is read from its 402, and that has the last word', async () => {
  const stand = await openStand({ discovery: false, routes: ROUTES })
  expect((await fetch(`${stand.url}/openapi.json`)).status).toBe(404)
  const buyer = stand.buyer({ maxPrice: '1 sat/MiB' })
  expect((await buyer.price(`${stand.url}/data/a`))?.price).toMatchObject({ unit: 'byte' })
})
