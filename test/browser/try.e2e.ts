import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sat } from '../../src/money/msat.ts'
import { amount, tempFolder } from '../cli/command.ts'
import { complaints } from './axe.ts'
import { stop } from './player.ts'
import { launch, noBrowser, overflow, PHONE, Shop, shoot, until, visit, WATCHING } from './stage.ts'
import { startTalker, WORDS } from './talk.ts'

describe.skipIf(noBrowser !== undefined)(`a model in a browser${noBrowser ? `: ${noBrowser}` : ''}`, WATCHING, () => {
  let browser: Browser
  let shop: Shop
  beforeAll(async () => {
    const target = await startTalker()
    browser = await launch()
    shop = await Shop.open({ sells: [target, '--price', '1 sat/token', '--credit', '2 sat'] })
  }, WATCHING.timeout)
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
  })
  const ask = async (page: Page, url = `${shop.url}/.stream/try/all`) => {
    await visit(page, url)
    await page.getByLabel('Your question').focus()
    await page.keyboard.type('What do you say?')
    await page.keyboard.press('Control+Enter')
    await page.locator('dialog').waitFor()
  }
  const answer = (page: Page) => page.locator('.said').last().textContent()
  const isWhole = async (page: Page) => (await answer(page))?.includes(`word${WORDS - 1} `) ?? false

  test('whoever goes to the model finds where to ask it', async () => {
    const response = await fetch(`${shop.url}/v1/chat/completions`, { headers: { accept: 'text/html' } })
    expect([response.status, await response.text()]).toEqual([
      402,
      expect.stringContaining('data-src="/v1/chat/completions"'),
    ])
    const page = await shop.page(browser)
    await page.goto(shop.url)
    await page.getByRole('link', { name: 'Ask A model' }).click()
    await until(() => page.evaluate(() => 'purse' in window), 'the page is ready')
    expect(await complaints(page)).toEqual([])
    expect(await page.getByLabel('Model').locator('option').allTextContents()).toEqual(['small', 'large'])
    await page.context().close()
  })

  test('it answers and is paid token by token, on a phone, in the dark, by keyboard alone', async () => {
    const page = await shop.page(browser, { viewport: PHONE, colorScheme: 'dark' })
    await ask(page)
    await shoot(page, 'try-phone-consent')
    await page.locator('dialog input[type=number]').first().focus()
    await page.keyboard.press('Enter')
    await until(() => isWhole(page), 'the answer is whole')
    await shoot(page, 'try-phone')
    expect(await overflow(page), 'nothing stands out of a phone').toBeLessThanOrEqual(0)
    expect(await complaints(page)).toEqual([])
    const [trade] = await page.evaluate(() =>
      window.purse.trades.map(({ maxAhead, ahead }) => [maxAhead, ahead].map(String)),
    )
    expect(BigInt(trade![0]!)).toBeLessThanOrEqual(BigInt(trade![1]!))
    const [closing] = await stop(page)
    expect(closing!.delivered).toBe(sat(WORDS))
    const closed = await shop.seller.event('closed')
    expect(amount(closed.maxUnpaid)).toBeLessThanOrEqual(amount(closed.credit))
    await page.context().close()
  })

  test('who refuses pays nothing, and can be asked again', async () => {
    const page = await shop.page(browser)
    const before = shop.asked.length
    await ask(page)
    await page.keyboard.press('Escape')
    await until(async () => (await page.locator('#problem').textContent()) !== '', 'it says so')
    expect(shop.asked.length).toBe(before)
    expect(await page.evaluate(() => window.purse.state)).toBe('idle')
    await page.context().close()
  })

  test('without a wallet one invoice is shown, and what is paid on it is used', async () => {
    const page = await shop.page(browser, { wallet: false, viewport: PHONE })
    await ask(page)
    await shoot(page, 'try-prepaid-consent')
    await page.locator('dialog button.main').click()
    const code = page.locator('dialog code')
    await code.waitFor()
    await page.locator('dialog svg').waitFor()
    await shoot(page, 'try-invoice')
    const request = (await code.textContent())!
    expect(await shop.buyer.pay({ request, maxFee: sat(1), timeoutMs: 30_000 })).toMatchObject({ status: 'settled' })
    await until(() => isWhole(page), 'the answer is whole')
    expect(await page.locator('dialog').count()).toBe(0)
    await page.context().close()
  })

  test('an answer in Ollama’s way is shown too, from a route of a configuration', async () => {
    const home = tempFolder()
    const upstream = await startTalker()
    const file = path.join(home, 'streampay.config.json')
    const routes = [{ name: 'ollama', path: '/api/chat', methods: ['POST'], upstream, price: '100 msat/token' }]
    writeFileSync(file, JSON.stringify({ routes }))
    const ollama = await Shop.open({ sells: ['--config', file] })
    const page = await ollama.page(browser)
    // The route takes no GET: whoever comes with one is shown the page.
    await ask(page, `${ollama.url}/api/chat`)
    await page.locator('dialog button.main').click()
    await until(() => isWhole(page), 'the answer is whole')
    const [closing] = await stop(page)
    expect(closing!.delivered).toBe(sat(WORDS) / 10n)
    await page.context().close()
    await ollama.close()
  })
})
