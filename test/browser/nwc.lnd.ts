import { readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import { Stage } from '../nwc/stage.ts'
import { launch, noBrowser, Shop, shoot, until, visit } from './stage.ts'
import { startTalker, WORDS } from './talk.ts'

const { net, skip } = await sharedNet()
const why = skip ?? noBrowser
describe.skipIf(why !== undefined)(`a page pays through NWC, to LND${why ? ` (skipped: ${why})` : ''}`, () => {
  let browser: Browser
  let stage: Stage
  let shop: Shop
  beforeAll(async () => {
    browser = await launch()
    stage = await Stage.open(net!.alice)
    shop = await Shop.open({
      sells: [await startTalker(), '--price', '1 sat/token', '--node', net!.bob.spec],
      buyer: await createLndNode(net!.alice),
    })
  })
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
    await shop?.buyer.close()
    await stage?.close()
  })

  test('with a connection string that stays in the page', async () => {
    const page = await shop.page(browser, { wallet: false })
    await visit(page, `${shop.url}/.stream/try/all`)
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
