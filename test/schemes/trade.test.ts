import { describe, expect, test } from 'vitest'
import { openStand, upstream } from '../gateway/stand.ts'

const ALL = ['stream', 'session', 'charge', 'l402'] as const

describe('our buyer at our seller', () => {
  test.each(ALL)('pays by %s alone', async (scheme) => {
    const service = await upstream((_, answer) => answer.end('x'.repeat(2048)))
    const stand = await openStand({
      routes: [{ upstream: service, price: '1 sat/KiB', schemes: [...ALL], allowance: '10 sat' }],
    })
    const buyer = stand.buyer({ schemes: [scheme] })
    const response = await buyer.fetch(`${stand.url}/x`)
    expect(response.status).toBe(200)
    expect((await response.text()).length).toBe(2048)
    expect(stand.nodes.seller.settlements.length).toBeGreaterThan(0)
    await buyer.close()
    const paid = stand.nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    const back = stand.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    if (scheme === 'session') expect(paid - back).toBe(2000n)
    if (scheme === 'charge' || scheme === 'l402') expect(paid - back).toBe(10_000n)
  })

  test('a token serves until it is used up, and then another is paid', async () => {
    const service = await upstream((_, answer) => answer.end('x'))
    const stand = await openStand({
      routes: [{ upstream: service, price: '2 sat/request', schemes: ['l402'], allowance: '6 sat' }],
    })
    const buyer = stand.buyer({ schemes: ['l402'] })
    for (let i = 0; i < 7; i++) expect((await buyer.fetch(`${stand.url}/x`)).status).toBe(200)
    expect(stand.nodes.seller.settlements.map(({ amount }) => amount)).toEqual([6000n, 6000n, 6000n])
  })

  test('a session of a stream of events that is longer than its deposit never looks short to its reader', async () => {
    const service = await upstream(async (_, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let i = 0; i < 60; i++) {
        answer.write(`data: {"n":${i}}\n\n`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      answer.end('data: [DONE]\n\n')
    })
    const stand = await openStand({
      routes: [{ upstream: service, price: '1 sat/token', schemes: ['session'], allowance: '20 sat' }],
    })
    const buyer = stand.buyer({ schemes: ['session'] })
    const response = await buyer.fetch(`${stand.url}/x`)
    const text = await response.text()
    expect(text.match(/data: \{"n"/g)).toHaveLength(60)
    expect(text).not.toContain('payment-')
    await buyer.close()
    const paid = stand.nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    const back = stand.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    expect(paid - back).toBe(60_000n)
  })

  test('a session that is used up faster than one deposit is paid has several on their way, each by an invoice of its own', async () => {
    const service = await upstream((_, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let i = 0; i < 200; i++) answer.write(`data: {"n":${i}}\n\n`)
      answer.end('data: [DONE]\n\n')
    })
    const stand = await openStand({
      routes: [{ upstream: service, price: '1 sat/token', schemes: ['session'], allowance: '20 sat' }],
    })
    const { buyer: payer, seller } = stand.nodes
    payer.latencyMs = 100
    let most = 0
    payer.script = (_, number) => {
      // This one, and those before it that have not arrived.
      most = Math.max(most, number + 1 - seller.settlements.length)
      return undefined
    }
    const buyer = stand.buyer({ schemes: ['session'], maxRisk: '100 sat' })
    const text = await (await buyer.fetch(`${stand.url}/x`)).text()
    expect(text.match(/data: \{"n"/g)).toHaveLength(200)
    await buyer.close()
    expect(most).toBeGreaterThan(1)
    const paid = seller.settlements.map(({ paymentHash }) => paymentHash)
    expect(new Set(paid).size).toBe(paid.length)
    const back = payer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    expect(BigInt(paid.length) * 20_000n - back).toBe(200_000n)
  })
})
