import { readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { SharedLightningNet } from '../../lightning-net/shared.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import { Stage } from '../nwc/stage.ts'
import { launch, noBrowser, Shop, shoot, until } from './stage.ts'

const { net, skip }: SharedLightningNet = inject('lightningNet')
const why = skip ?? noBrowser
const WORDS = 40

const talk = (): Response => {
  const events = Array.from({ length: WORDS }, (_, i) =>
    JSON.stringify({ choices: [{ delta: { content: `word${i} ` } }] }),
  )
  const body = events.map((event) => `data: ${event}\n\n`).join('')
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

describe.skipIf(why !== undefined)(`a page pays through NWC, to LND${why ? ` (skipped: ${why})` : ''}`, () => {
  let browser: Browser
  let stage: Stage
  let shop: Shop
  beforeAll(async () => {
    browser = await launch()
    stage = await Stage.open(net!.alice)
    const [seller, buyer] = await Promise.all([createLndNode(net!.bob), createLndNode(net!.alice)])
    const close = async () => void (await Promise.all([seller.close(), buyer.close()]))
    shop = await Shop.open(
      {
        route: { name: 'chat', title: 'A model', kind: 'model', path: '/v1/chat/completions' },
        handler: talk,
        price: '1 sat/token',
      },
      { seller, buyer, close },
    )
  })
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
    await stage?.close()
  })

  test('with a connection string that stays in the page', async () => {
    const page = await shop.page(browser, { wallet: false })
    await page.goto(`${shop.server.url}/.stream/try/chat`)
    await until(() => page.evaluate(() => 'purse' in window), 'the page is ready')
    await page.locator('textarea').fill('Hello?')
    await page.getByRole('button', { name: 'Ask' }).click()
    await page.getByLabel('A wallet by connection string').check()
    await page.getByLabel('Connection string of your wallet').fill(readFileSync(stage.file, 'utf8').trim())
    await shoot(page, 'nwc-consent')
    await page.getByRole('button', { name: 'Pay as I go' }).click()
    const answer = () => page.locator('.said').last().textContent()
    await until(async () => (await answer())?.includes(`word${WORDS - 1} `) ?? false, 'the answer is whole')
    await page.locator('stream-meter').getByRole('button', { name: 'Stop' }).click()
    await until(() => page.evaluate(() => window.purse.closings.length > 0), 'it is closed')
    const [returned] = await page.evaluate(() => window.purse.closings.map((closing) => closing.returned))
    expect(['settled', 'nothing', 'kept']).toContain(returned)
    const stored = await page.evaluate(() => JSON.stringify({ ...localStorage }))
    expect(stored).not.toContain(stage.wallet.secret)
    await page.context().close()
  })
})
