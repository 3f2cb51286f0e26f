import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import { type Journal, openJournal } from '../../src/ledger/index.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { decodeLightningReceipt } from '../../src/wire/mpp/receipt.ts'
import { commands, tempFolder } from '../cli/command.ts'
import { type Aperture, noAperture, startAperture } from './aperture.ts'

const { net, skip } = await sharedNet()
const missing = skip ?? noAperture()

/** Events that come one after the other: they are read as they come, or the last is never sent. */
const EVENTS = 6

describe.skipIf(missing)(`unmodified aperture is paid by our buyer${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let aperture: Aperture
  let alice: LightningNode
  let seen = 0
  const buyers: Buyer[] = []
  const upstream = createServer(async (request, answer) => {
    if (request.url !== '/events') return answer.end(`report of ${request.url}`)
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let n = 0; n < EVENTS; n++) {
      answer.write(`data: {"n":${n}}\n\n`)
      while (seen < n) await sleep(10)
    }
    answer.end('data: [DONE]\n\n')
  })
  beforeAll(async () => {
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const { port } = upstream.address() as AddressInfo
    const services = [
      { name: 'report', path: '/report', sats: 3 },
      { name: 'events', path: '/events', sats: 2 },
    ]
    aperture = await startAperture(net!.bob, `http://127.0.0.1:${port}`, services)
    alice = await createLndNode(net!.alice)
  })
  afterEach(async () => {
    await Promise.allSettled(buyers.splice(0).map((buyer) => buyer.close({ keep: true })))
  })
  afterAll(async () => {
    await aperture?.close()
    await alice?.close()
    upstream.closeAllConnections()
    upstream.close()
  })

  const openBuyer = (options: Partial<BuyerOptions> & { readonly journal: Journal }): Buyer => {
    const buyer = createBuyer({ node: alice, ...options })
    buyers.push(buyer)
    return buyer
  }
  const paid = async (journal: Journal) => (await journal.payments()).map(({ status, amount }) => [status, amount])
  const failing = (buying: Promise<unknown>) => buying.then(() => undefined).catch((error) => error)
  const get = async (buyer: Buyer, path: string) => {
    const response = await buyer.fetch(`${aperture.url}${path}`)
    expect(response.status, path).toBe(200)
    expect(await response.text()).toBe(`report of ${path}`)
    return response
  }

  test('for an L402 token, which serves again, at a second path, and in a later run', async () => {
    const journal = openJournal(':memory:')
    const first = openBuyer({ journal, schemes: ['l402'] })
    await get(first, '/report')
    await get(first, '/report')
    await get(first, '/report/2')
    expect(first.prepaid).toMatchObject([{ scheme: 'l402', paid: sat(3), uses: 3, state: 'open' }])
    await first.close()
    const second = openBuyer({ journal, schemes: ['l402'] })
    await get(second, '/report/3')
    await get(second, '/report')
    expect(await paid(journal)).toEqual([['settled', sat(3)]])
    // Its caveats are for that service alone: at another one another token is bought.
    seen = EVENTS
    expect((await second.fetch(`${aperture.url}/events`)).status).toBe(200)
    expect(await paid(journal)).toEqual([
      ['settled', sat(3)],
      ['settled', sat(2)],
    ])
  })

  test('for a charge, once for each request', async () => {
    const journal = openJournal(':memory:')
    const buyer = openBuyer({ journal, schemes: ['charge'] })
    const receipts = []
    for (const path of ['/report', '/report'])
      receipts.push((await get(buyer, path)).headers.get('payment-receipt') ?? '')
    const hashes = (await journal.payments()).map(({ paymentHash }) => paymentHash)
    expect(receipts.map((receipt) => decodeLightningReceipt(receipt).reference)).toEqual(hashes)
    expect(await paid(journal)).toEqual([
      ['settled', sat(3)],
      ['settled', sat(3)],
    ])
  })

  test('for a session: opened once, and fed by further deposits', async () => {
    const journal = openJournal(':memory:')
    const buyer = openBuyer({ journal, schemes: ['session'], maxRisk: '150 sat' })
    for (let n = 0; n < 21; n++) await get(buyer, '/report')
    expect(buyer.prepaid).toMatchObject([{ scheme: 'session', state: 'open' }])
    await buyer.close()
    const payments = await paid(journal)
    expect(payments.length).toBeGreaterThan(1)
    expect(new Set(payments.map(String))).toEqual(new Set([`settled,${sat(60)}`]))
    // This aperture answers its close without a word of what it pays back, so it is asked again by `recover --close`.
    expect(buyer.prepaid).toMatchObject([{ scheme: 'session', state: 'open', uses: 21 }])
  })

  test('as its events come', async () => {
    const journal = openJournal(':memory:')
    const buyer = openBuyer({ journal, schemes: ['l402'] })
    seen = 0
    const response = await buyer.fetch(`${aperture.url}/events`)
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk, { stream: true })
      seen = text.split('\n\n').length - 1
    }
    const events = Array.from({ length: EVENTS }, (_, n) => `data: {"n":${n}}\n\n`)
    expect(text).toBe(`${events.join('')}data: [DONE]\n\n`)
    expect(await paid(journal)).toEqual([['settled', sat(2)]])
  })

  test('nothing above the limits', async () => {
    const journal = openJournal(':memory:')
    const ask = (options: Partial<BuyerOptions>) =>
      failing(openBuyer({ journal, ...options }).fetch(`${aperture.url}/report`))
    expect(await ask({ schemes: ['l402'], maxRisk: '2 sat' })).toMatchObject({ code: 'risk-too-high' })
    expect(await ask({ schemes: ['session'], maxRisk: '59 sat' })).toMatchObject({ code: 'risk-too-high' })
    expect(await ask({ schemes: ['charge'], maxPrice: '2 sat/request' })).toMatchObject({ code: 'price-too-high' })
    expect(await ask({ schemes: ['l402'], max: '2 sat' })).toMatchObject({ code: 'budget-exhausted' })
    expect(await journal.payments()).toEqual([])
    // What is above a limit is passed over for what is not.
    const buyer = openBuyer({ journal, maxRisk: '3 sat' })
    await get(buyer, '/report')
    expect(buyer.prepaid).toMatchObject([{ scheme: 'charge', paid: sat(3) }])
  })

  test('by the commands, which say first what is at risk', async () => {
    const { run } = commands(tempFolder())
    const node = ['--node', net!.alice.spec]
    const priced = await run('price', `${aperture.url}/report`, '--json')
    expect(priced.last).toMatchObject({
      event: 'price',
      offers: [
        { scheme: 'l402', ahead: '3000' },
        { scheme: 'charge', price: '3 sat/request', ahead: '3000' },
        { scheme: 'session', price: '3 sat/chunk', ahead: '60000' },
      ],
    })
    const said = await run('price', `${aperture.url}/report`)
    expect(said.stderr).toMatch(/l402 +not said for what +3 sat at once +at risk: all of it/)
    const got = await run('get', `${aperture.url}/report`, '--schemes', 'l402,charge', '--json', ...node)
    expect(got.code, got.stderr).toBe(0)
    expect(got.last).toMatchObject({ ok: true, paid: '3000' })
    const again = await run('get', `${aperture.url}/report/2`, '--schemes', 'l402', ...node)
    expect(again.stdout.toString()).toBe('report of /report/2')
    const history = await run('history', '--json')
    expect(history.events).toHaveLength(1)
  })
})
