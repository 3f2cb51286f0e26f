import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sat } from '../../src/money/msat.ts'
import { creditAt } from '../../src/terms/credit.ts'
import { launch, noBrowser, Shop, shoot, until } from './stage.ts'

const TOKENS = 60
const PHONE = { width: 390, height: 844 }

/** A model that says one word after the other, in the events of a chat completion. */
function talk(): Response {
  let said = 0
  const encoder = new TextEncoder()
  const event = (text: string) => encoder.encode(`data: ${text}\n\n`)
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (said === TOKENS) {
          controller.enqueue(event('[DONE]'))
          return controller.close()
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
        controller.enqueue(event(JSON.stringify({ choices: [{ delta: { content: `word${said++} ` } }] })))
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

describe.skipIf(noBrowser !== undefined)(`the try-it page${noBrowser ? `: ${noBrowser}` : ''}`, () => {
  let browser: Browser
  let shop: Shop
  beforeAll(async () => {
    browser = await launch()
    shop = await Shop.open({
      route: {
        name: 'chat',
        title: 'A small model',
        kind: 'model',
        path: '/v1/chat/completions',
        description: 'It says sixty words.',
      },
      handler: talk,
      price: '1 sat/token',
      credit: '2 sat',
    })
  })
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
  })
  const open = async (page: Page) => {
    await page.goto(`${shop.server.url}/.stream/try/chat`)
    await until(() => page.evaluate(() => 'purse' in window), 'the page is ready')
    await page.keyboard.press('Tab')
    await page.keyboard.type('What do you say?')
    await page.keyboard.press('Control+Enter')
    await page.locator('dialog').waitFor()
  }
  const answer = (page: Page) => page.locator('.said').last().textContent()

  test('a model answers and is paid token by token, on a phone, in the dark, by keyboard alone', async () => {
    const page = await shop.page(browser, { viewport: PHONE, colorScheme: 'dark' })
    await open(page)
    await shoot(page, 'try-phone-consent')
    await page.locator('dialog input[type=number]').first().focus()
    await page.keyboard.press('Enter')
    await until(async () => (await answer(page))?.includes(`word${TOKENS - 1} `) ?? false, 'the answer is whole')
    await shoot(page, 'try-phone')
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(overflow, 'nothing stands out of a phone').toBeLessThanOrEqual(0)
    const [account] = shop.accounts
    expect(account!.gate.delivered).toBe(sat(TOKENS))
    expect(account!.gate.maxUnpaid).toBeLessThanOrEqual(creditAt(account!.agreement.credit, account!.gate.paid))
    const [trade] = await page.evaluate(() =>
      window.purse.trades.map(({ maxAhead, ahead }) => [maxAhead, ahead].map(String)),
    )
    expect(BigInt(trade![0]!)).toBeLessThanOrEqual(BigInt(trade![1]!))
    await page.context().close()
  })

  test('who refuses pays nothing, and can be asked again', async () => {
    const page = await shop.page(browser)
    const before = shop.asked.length
    await open(page)
    await page.keyboard.press('Escape')
    await until(async () => (await page.locator('#problem').textContent()) !== '', 'it says so')
    expect(shop.asked.length).toBe(before)
    expect(await page.evaluate(() => window.purse.state)).toBe('idle')
    await page.context().close()
  })

  test('without a wallet one invoice is shown, and what is paid on it is used', async () => {
    const page = await shop.page(browser, { wallet: false, viewport: PHONE })
    await open(page)
    await shoot(page, 'try-prepaid-consent')
    await page.locator('dialog button.main').click()
    const code = page.locator('dialog code')
    await code.waitFor()
    await page.locator('dialog svg').waitFor()
    await shoot(page, 'try-invoice')
    const request = (await code.textContent())!
    expect(await shop.nodes.buyer.pay({ request, maxFee: sat(1), timeoutMs: 30_000 })).toMatchObject({
      status: 'settled',
    })
    await until(async () => (await answer(page))?.includes(`word${TOKENS - 1} `) ?? false, 'the answer is whole')
    expect(await page.locator('dialog').count()).toBe(0)
    await page.context().close()
  })
})
