import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { formatL402Metadata } from '../../src/wire/l402/header.ts'
import {
  addCaveat,
  encodeIdentifier,
  formatMacaroon,
  type Macaroon,
  mintMacaroon,
  parseMacaroon,
} from '../../src/wire/l402/macaroon.ts'
import { byL402, offeredBy, problemOf } from './offered.ts'
import { openShop, type Shop } from './stand.ts'

async function paid(shop: Shop) {
  const offered = offeredBy(await shop.ask())
  const preimage = await shop.pay(offered.invoice())
  return { offered, preimage, headers: byL402(offered, preimage), macaroon: parseMacaroon(offered.l402().token) }
}

const shown = (macaroon: Macaroon, preimage: string) => ({
  authorization: `L402 ${formatMacaroon(macaroon)}:${preimage}`,
})

describe('an L402 token', () => {
  test('is good until its allowance is used up, and then the answer is a fresh 402', async () => {
    const shop = openShop({ allowance: '6 sat' })
    const { offered, headers } = await paid(shop)
    for (let i = 0; i < 3; i++) {
      const response = await shop.ask({ headers })
      expect(response.status).toBe(200)
      expect(response.headers.get('payment-receipt')).not.toBeNull()
    }
    const spent = await shop.ask({ headers })
    expect(spent.status).toBe(402)
    expect(await problemOf(spent.clone())).toMatchObject({
      type: 'https://paymentauth.org/problems/payment-insufficient',
    })
    expect(offeredBy(spent).invoice()).not.toBe(offered.invoice())
    expect(shop.served).toBe(3)
  })

  test('of one sat does not serve a request more than it paid for, however many come at once', async () => {
    const shop = openShop({ price: '1 sat/request', allowance: '5 sat' })
    const { headers } = await paid(shop)
    const responses = await Promise.all(Array.from({ length: 50 }, () => shop.ask({ headers })))
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(5)
    expect(responses.filter(({ status }) => status === 402)).toHaveLength(45)
    expect(shop.served).toBe(5)
  })

  test('pays for bytes over several answers, at the exact price', async () => {
    const shop = openShop({ price: '1 sat/KiB', allowance: '3 sat' }, () => new Response(new Uint8Array(1000)))
    const { headers } = await paid(shop)
    for (let i = 0; i < 3; i++) expect((await (await shop.ask({ headers })).arrayBuffer()).byteLength).toBe(1000)
    const last = (await shop.ask({ headers })).body!.getReader()
    let bytes = 0
    const reading = async () => {
      for (let read = await last.read(); !read.done; read = await last.read()) bytes += read.value.byteLength
    }
    await expect(reading()).rejects.toMatchObject({ code: 'grace-exceeded' })
    expect(bytes, 'what was left of 3 KiB').toBe(72)
  })

  test('gives back what an answer that fails would have cost', async () => {
    let broken = true
    const shop = openShop({ allowance: '2 sat' }, () => new Response('', { status: broken ? 500 : 200 }))
    const { headers } = await paid(shop)
    expect((await shop.ask({ headers })).status).toBe(500)
    broken = false
    expect((await shop.ask({ headers })).status).toBe(200)
    expect((await shop.ask({ headers })).status).toBe(402)
  })

  test('is good after a restart, for what is left', async () => {
    const nodes = scriptedPair()
    const options = { ledger: openLedger(':memory:'), secret: new Uint8Array(32).fill(9), allowance: '4 sat' }
    const shop = openShop(options, undefined, {}, nodes)
    const { headers } = await paid(shop)
    expect((await shop.ask({ headers })).status).toBe(200)
    await shop.seller.close()
    const later = openShop(options, undefined, {}, nodes)
    expect((await later.ask({ headers })).status).toBe(200)
    expect((await later.ask({ headers })).status).toBe(402)
  })

  test('is the same as LSAT, and as gRPC clients send it', async () => {
    const shop = openShop({ allowance: '6 sat' })
    const { headers, macaroon, preimage } = await paid(shop)
    const lsat = { authorization: headers.authorization.replace('L402', 'LSAT') }
    expect((await shop.ask({ headers: lsat })).status).toBe(200)
    const metadata = formatL402Metadata(macaroon, preimage)
    expect((await shop.ask({ headers: { macaroon: metadata } })).status).toBe(200)
    expect((await shop.ask({ headers: { 'grpc-metadata-macaroon': metadata } })).status).toBe(200)
    expect((await shop.ask({ headers: lsat })).status).toBe(402)
  })
})

describe('refused, with a fresh challenge, is a token', () => {
  test('without its preimage, with another one, and one that nobody paid', async () => {
    const shop = openShop()
    const { offered, macaroon } = await paid(shop)
    const other = await paid(shop)
    const cases = { swapped: other.preimage, zero: '0'.repeat(64), hash: decodeInvoice(offered.invoice()).paymentHash }
    for (const [name, preimage] of Object.entries(cases)) {
      const response = await shop.ask({ headers: shown(macaroon, preimage) })
      expect(response.status, name).toBe(402)
      expect(offeredBy(response).names).toContain('l402')
    }
    expect(shop.served).toBe(0)
  })

  test('that somebody else made, altered or cut', async () => {
    const shop = openShop()
    const { macaroon, preimage, offered } = await paid(shop)
    const { paymentHash } = decodeInvoice(offered.invoice())
    const identifier = encodeIdentifier({ paymentHash, tokenId: '11'.repeat(32) })
    const forged = [
      mintMacaroon(hexToBytes('22'.repeat(32)), macaroon.identifier, 'stream', macaroon.caveats),
      mintMacaroon(hexToBytes('22'.repeat(32)), identifier, 'stream', []),
      { ...macaroon, caveats: [] },
      { ...macaroon, caveats: macaroon.caveats.map((caveat) => caveat.replace(/=\d+$/, '=9999999999')) },
      { ...macaroon, identifier },
    ]
    for (const each of forged) expect((await shop.ask({ headers: shown(each, preimage) })).status).toBe(402)
    expect(shop.served).toBe(0)
    expect((await shop.ask({ headers: shown(macaroon, preimage) })).status).toBe(200)
  })

  test('with a caveat that widens it, or is not kept here; one that is unknown is passed over', async () => {
    const shop = openShop({ allowance: '20 sat' })
    const { macaroon, preimage } = await paid(shop)
    const service = /^services=(.*):0$/.exec(macaroon.caveats[0]!)![1]!
    const ask = async (caveat: string) =>
      (await shop.ask({ headers: shown(addCaveat(macaroon, caveat), preimage) })).status
    expect(await ask(`${service}_valid_until=99999999999`), 'wider').toBe(402)
    expect(await ask(`services=${service}:1`), 'wider').toBe(402)
    expect(await ask('services=other:0'), 'another service').toBe(402)
    expect(await ask(`${service}_valid_until=1000`), 'over').toBe(402)
    expect(await ask(`${service}_allowance=1:request`), 'a part').toBe(402)
    expect(await ask(`${service}_capabilities=read`), 'unknown capability').toBe(402)
    expect(shop.served).toBe(0)
    expect(await ask(`${service}_valid_until=${Math.floor(Date.now() / 1000) + 60}`), 'narrower').toBe(200)
    expect(await ask('who=me')).toBe(200)
  })

  test('of a cheap route at a dear one', async () => {
    const shop = openShop({ price: '10 sat/request' })
    const dear = shop.wall({ price: '1000 sat/request' })
    const { headers } = await paid(shop)
    expect((await dear({ headers })).status).toBe(402)
    expect(shop.served).toBe(0)
  })

  test('that was revoked: its agreement is closed', async () => {
    const shop = openShop({ allowance: '20 sat' })
    const { headers, offered } = await paid(shop)
    expect((await shop.ask({ headers })).status).toBe(200)
    const { paymentHash } = decodeInvoice(offered.invoice())
    expect(await shop.seller.revoke(paymentHash)).toBe(true)
    expect(await shop.seller.revoke('00'.repeat(32))).toBe(false)
    const response = await shop.ask({ headers })
    expect(response.status).toBe(402)
    expect(await problemOf(response)).toMatchObject({ code: 'macaroon-invalid' })
  })

  test('where the route sells by other schemes only', async () => {
    const shop = openShop()
    const { headers, macaroon, preimage } = await paid(shop)
    const only = shop.wall({ schemes: ['stream', 'charge'] })
    for (const each of [headers, { macaroon: formatL402Metadata(macaroon, preimage) }]) {
      expect((await only({ headers: each })).status).toBe(400)
    }
    expect(bytesToHex(macaroon.identifier)).toMatch(/^0000/)
  })
})
