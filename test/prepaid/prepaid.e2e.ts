import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEmbeddedNode, type EmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { lightningReceipt } from '../../src/wire/mpp/receipt.ts'
import { commands, tempFolder } from '../cli/command.ts'
import { SessionShop } from './sessionShop.ts'
import { Shop, type ShopOptions } from './shop.ts'

const home = tempFolder()
const { run } = commands(home)

/** Who is paid: a real node of this process, in the channel network of the commands' node. */
let payee: EmbeddedNode
beforeAll(async () => {
  payee = await createEmbeddedNode({ home: join(home, 'state', 'regtest'), name: 'payee' })
})
afterAll(() => payee?.close())

const open = (schemes: ReadonlyArray<'l402' | 'charge'>) => Shop.open({ schemes, node: payee, uses: 3 }, scriptedPair())

describe('a server of another kind', () => {
  test('is paid by `get`, shown side by side by `price`, and in the history', async () => {
    const shop = await open(['charge', 'l402'])
    const priced = await run('price', shop.url, '--json')
    expect(priced.last).toMatchObject({
      event: 'price',
      offers: [
        { scheme: 'charge', price: '20 sat/request', ahead: '20000' },
        { scheme: 'l402', ahead: '20000' },
      ],
    })
    const said = await run('price', shop.url)
    expect(said.stderr).toMatch(/charge +20 sat\/request +20 sat at once +at risk: all of it, for one request/)

    const got = await run('get', shop.url, '--json')
    expect(got.code, got.stderr).toBe(0)
    expect(got.events.map(({ event }) => event)).toEqual(['response', 'data', 'prepaid', 'end'])
    expect(got.events[2]).toMatchObject({ scheme: 'charge', paid: '20000', uses: 1, state: 'closed' })
    expect(got.last).toMatchObject({ ok: true, paid: '20000' })

    const [entry] = (await run('history', '--json')).events
    expect(entry).toMatchObject({ scheme: 'charge', amount: '20000', payments: '1', status: 'closed', url: shop.url })
  })

  test('that confirms another payment than was made is told and noted, and what came is there', async () => {
    const receipt: ShopOptions['receipt'] = (said) => lightningReceipt({ ...said, reference: 'ab'.repeat(32) })
    const shop = await Shop.open({ schemes: ['charge'], node: payee, receipt }, scriptedPair())
    const got = await run('get', shop.url, '--json')
    expect(got.code, got.stderr).toBe(0)
    const prepaid = got.events.find(({ event }) => event === 'prepaid')
    const warning = got.events.find(({ event }) => event === 'warning')
    expect(warning).toMatchObject({ code: 'receipt-mismatch', agreement: prepaid?.agreement })
    const entry = (await run('history', '--json')).events.at(-1)
    expect(entry).toMatchObject({ fault: expect.stringMatching(/^receipt-mismatch: /) })
  })

  test('is paid beside an Authorization of the request’s own where it leaves room, and not where it does not', async () => {
    const header = 'Payment-Authorization'
    const shop = await Shop.open({ schemes: ['charge'], node: payee, header }, scriptedPair())
    const got = await run('get', shop.url, '-H', 'Authorization: Bearer key')
    expect(got.code, got.stderr).toBe(0)
    expect(got.stdout.toString()).toBe('the thing')
    const narrow = await open(['charge', 'l402'])
    const { code, error } = await run('get', narrow.url, '-H', 'Authorization: Bearer key', '--json')
    expect(code).toBe(3)
    expect(error).toMatchObject({ code: 'authorization-taken' })
    expect(narrow.delivered).toEqual([])
  })

  test('sells a token that the next command goes on with', async () => {
    const shop = await open(['l402'])
    for (const _ of [1, 2, 3]) {
      const got = await run('get', shop.url)
      expect(got.code, got.stderr).toBe(0)
      expect(got.stdout.toString()).toBe('the thing')
    }
    expect(shop.delivered).toHaveLength(3)
    expect(new Set(shop.delivered).size).toBe(1)
  })

  test('sells a session, whose rest comes back to the node that paid', async () => {
    const shop = await SessionShop.open({ chunks: 26, node: payee })
    const got = await run('get', shop.url, '--json')
    expect(got.code, got.stderr).toBe(0)
    expect(shop.only).toMatchObject({ spent: sat(26), closed: true })
    const left = `${shop.only.deposits - sat(26)}`
    const told = got.events.find(({ event }) => event === 'prepaid')
    expect(told).toMatchObject({
      ...{ scheme: 'session', paid: `${shop.only.deposits}`, state: 'closed', returned: left, return: 'settled' },
    })
    const entry = (await run('history', '--json')).events.at(-1)
    expect(entry).toMatchObject({
      scheme: 'session',
      amount: `${shop.only.deposits}`,
      returned: left,
      status: 'closed',
    })

    const kept = await SessionShop.open({ chunks: 5, node: payee })
    expect((await run('get', kept.url, '--keep')).code).toBe(0)
    expect(kept.only.closed).toBe(false)
    const recovered = await run('recover', '--close', '--json')
    expect(recovered.events).toContainEqual(
      expect.objectContaining({ event: 'agreement', state: 'closed', return: 'settled', returned: `${sat(15)}` }),
    )
  }, 240_000)

  test('is paid within what may be at risk, and by the schemes that were named', async () => {
    const shop = await open(['l402'])
    const { code, error } = await run('get', shop.url, '--json', '--max-risk', '19 sat')
    expect(code).toBe(3)
    expect(error).toMatchObject({ code: 'risk-too-high', amount: '20000', maxRisk: '19000' })
    const left = await run('get', shop.url, '--json', '--schemes', 'stream')
    expect(left.error).toMatchObject({ code: 'seller-failed', status: '402' })
    const unread = await run('get', shop.url, '--json', '--schemes', 'cash')
    expect(unread.error).toMatchObject({ code: 'option-invalid' })
  })
})
