import { describe, expect, test } from 'vitest'
import { wall } from '../../src/seller/paywall.ts'
import type { Challenge } from '../../src/wire/challenge.ts'
import { formatAnyCredential } from '../../src/wire/credential.ts'
import { parseChallenges } from '../../src/wire/header.ts'
import { offeredBy } from './offered.ts'
import { openShop, returnInvoice, type Shop } from './stand.ts'

const KEY = 'Bearer key-of-the-service'
const challengesOf = (response: Response): Challenge[] =>
  parseChallenges(response.headers.get('www-authenticate') ?? '')
const headersOf = (response: Response) => challengesOf(response).map(({ header }) => header)
const ALL = ['stream', 'session', 'charge', 'l402']
const MOVED = new Array(3).fill('Payment-Authorization')
const PLAIN = new Array(3).fill(undefined)

/** A shop that says which Authorization it got. */
const open = (credentialHeader?: 'Authorization' | 'Payment-Authorization') =>
  openShop(
    { allowance: '4 sat', ...(credentialHeader && { credentialHeader }) },
    (request) => new Response(`for ${request.headers.get('authorization')}`),
  )

async function paid(shop: Shop, headers: Record<string, string>) {
  const offered = offeredBy(await shop.ask({ headers }))
  return { offered, preimage: await shop.pay(offered.invoice()) }
}

describe('the header that a 402 asks for the credential in', () => {
  test('is Payment-Authorization where the request has an Authorization of another kind', async () => {
    const shop = open()
    const beside = await shop.ask({ headers: { authorization: KEY } })
    expect(headersOf(beside)).toEqual(MOVED)
    expect(offeredBy(beside).names, 'L402 has no word for it, and stays').toEqual(ALL)
    expect(headersOf(await shop.ask())).toEqual(PLAIN)
    expect(headersOf(await shop.ask({ headers: { authorization: KEY } }))).toEqual(MOVED)
    expect(offeredBy(beside).invoice(), 'one invoice for both').toBe(offeredBy(await shop.ask()).invoice())
  })

  test('is Authorization where that holds a payment, also one that does not do', async () => {
    const shop = open()
    for (const authorization of ['Payment AAAA', `L402 AAAA:${'0'.repeat(64)}`]) {
      const refused = await shop.ask({ headers: { authorization } })
      expect(refused.status).toBe(402)
      expect(headersOf(refused)).toEqual(PLAIN)
    }
    const beside = await shop.ask({ headers: { authorization: KEY, 'payment-authorization': 'Payment AAAA' } })
    expect(headersOf(beside)).toEqual(MOVED)
  })

  test('is what the wall says, always or never', async () => {
    const always = open('Payment-Authorization')
    for (const headers of [{}, { authorization: KEY }]) {
      expect(headersOf(await always.ask({ headers } as never))).toEqual(MOVED)
    }
    const never = open('Authorization')
    for (const headers of [{}, { authorization: KEY }]) {
      expect(headersOf(await never.ask({ headers } as never))).toEqual(PLAIN)
    }
    expect(() => wall(always.seller, { price: '1 sat/request', credentialHeader: 'X-Pay' as never })).toThrow(
      /Authorization or Payment-Authorization/,
    )
  })

  test.each(['with', 'without'])(
    'is good for a charge whose echo comes %s it, and the key reaches the service',
    async (how) => {
      const shop = open()
      const { offered, preimage } = await paid(shop, { authorization: KEY })
      const { header, ...rest } = offered.charge().challenge
      expect(header).toBe('Payment-Authorization')
      const challenge = how === 'with' ? offered.charge().challenge : rest
      const credential = formatAnyCredential({ challenge, payload: { preimage } })
      const forged = formatAnyCredential({ challenge: { ...rest, header: 'X-Pay' }, payload: { preimage } })
      expect((await shop.ask({ headers: { authorization: KEY, 'payment-authorization': forged } })).status).toBe(402)
      const response = await shop.ask({ headers: { authorization: KEY, 'payment-authorization': credential } })
      expect(response.status).toBe(200)
      expect(await response.text()).toBe(`for ${KEY}`)
    },
  )

  test('is good for a session, from its opening to its close', async () => {
    const shop = open()
    const { offered, preimage } = await paid(shop, { authorization: KEY })
    const { challenge, request } = offered.session()
    const by = (payload: Record<string, unknown>) =>
      shop.ask({
        headers: { authorization: KEY, 'payment-authorization': formatAnyCredential({ challenge, payload }) },
      })
    const opened = await by({ action: 'open', preimage, returnInvoice: await returnInvoice(shop.nodes.buyer) })
    expect(await opened.text()).toBe(`for ${KEY}`)
    const closed = await by({ action: 'close', sessionId: request.paymentHash, preimage })
    expect(await closed.json()).toMatchObject({ status: 'closed', refundStatus: 'succeeded' })
  })
})
