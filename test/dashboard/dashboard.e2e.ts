import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Buyer, createBuyer } from '../../src/buyer/buyer.ts'
import { StreamError } from '../../src/errors/error.ts'
import { type Admin, openAdmin } from '../../src/gateway/admin/server.ts'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { msat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { type Good, openShop, pieces, type Shop, words } from './shop.ts'

const CHROMIUM = process.env.STREAMPAY_CHROMIUM ?? '/usr/bin/chromium'
const absent = existsSync(CHROMIUM) ? undefined : `there is no ${CHROMIUM}`
const ARGS = [
  '--disable-background-networking',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
  '--disable-features=OptimizationHints,MediaRouter,Translate',
  // Its sandbox takes rights that a container does not give; what it loads is this machine's own.
  '--no-sandbox',
]
const SHOTS = join(import.meta.dirname, '../../.cache/screenshots/dashboard')
const HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'

const goods: readonly Good[] = [
  { name: 'chat', title: 'A model', price: '1 sat/token', credit: '5 sat', handler: words(100_000, 15) },
  { name: 'films', title: HOSTILE, price: '40 sat/MiB', credit: '2 sat', handler: pieces(256 * 1024, 16_384, 5) },
]

describe.skipIf(absent)(`the dashboard in a browser${absent ? ` (skipped: ${absent})` : ''}`, () => {
  let pair: EmbeddedPair
  let shop: Shop
  let admin: Admin
  let browser: Browser
  let page: Page
  let streaming: Buyer
  const home = mkdtempSync(join(tmpdir(), 'streampay-'))
  const complaints: string[] = []

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true })
    pair = await embeddedPair()
    shop = await openShop(pair.seller, goods)
    admin = await openAdmin({ gateway: shop, port: 0, home })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS })
    const context = await browser.newContext({ viewport: { width: 1600, height: 950 } })
    page = await context.newPage()
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      // What it refuses on purpose is told by the browser as well.
      if (message.type() === 'error' && !/status of (401|400)/.test(message.text())) complaints.push(message.text())
    })
    // One sale that is over, and one that goes on.
    const bought = createBuyer({ node: pair.buyer, max: '100 sat', ahead: '5 sat' })
    await (await bought.fetch(`${shop.url}/films`)).arrayBuffer()
    await bought.close()
    streaming = createBuyer({ node: pair.buyer, max: '100000 sat', ahead: '10 sat' })
    const { body } = await streaming.fetch(`${shop.url}/chat`)
    void body!.pipeTo(new WritableStream()).catch(() => {})
  })
  afterAll(async () => {
    await browser?.close()
    await streaming?.close({ keep: true })
    await admin?.close()
    await shop?.close()
    await pair?.close()
    rmSync(home, { recursive: true, force: true })
  })

  const text = (selector: string) => page.locator(selector).innerText()

  it('asks for the token, refuses a wrong one, and takes it out of the address', async () => {
    await page.goto(admin.url)
    await page.getByLabel('Token').fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('this is not the token').waitFor()
    expect(await page.locator('#main').isVisible()).toBe(false)
    await page.goto('about:blank')
    await page.goto(admin.link)
    await page.locator('#main').waitFor()
    expect(page.url()).toBe(`${admin.url}/`)
    expect(await page.evaluate(() => document.cookie), 'no script sees the cookie').toBe('')
    await page.reload()
    await page.locator('#main').waitFor()
  })

  it('shows the stream that runs, and the sums that the gates have', async () => {
    await page.locator('#streams tbody tr .tag', { hasText: 'running' }).waitFor()
    expect(await page.locator('#streams tbody tr').count()).toBe(1)
    expect(await text('#streams tbody tr')).toMatch(/chat · 127\.0\.0\.1\s+\d+ tokens\/s/)
    const sold = await page.locator('#buyers tbody tr', { hasText: 'films' }).innerText()
    expect(sold, '256 KiB at 40 sat/MiB').toMatch(/films\s+127\.0\.0\.1\s+\d+\s+10\s/)
    // Both are read in one turn of the page's own second.
    await expect
      .poll(async () => {
        const { today } = await (
          await fetch(`${admin.url}/api/state`, { headers: { authorization: `Bearer ${admin.token}` } })
        ).json()
        const gates = [...shop.seller.accounts.inMemory.values()]
        const paid = gates.reduce((sum, { gate }) => sum + gate.paid, 0n)
        return BigInt(today.paid) <= paid && paid - BigInt(today.paid) <= 200_000n && BigInt(today.earned) > 10_000n
      })
      .toBe(true)
    expect(Number((await text('#today')).replace(/\D/g, ''))).toBeGreaterThan(9)
    expect(await text('#nodes')).toContain('You can receive')
  })

  it('keeps its payments paused in sight, and running again', async () => {
    await pair.buyer.pausePayments(true)
    await page.locator('#streams .tag.paused').waitFor()
    expect(await text('#streams tbody tr')).toContain('5 of 5 sat unpaid')
    expect(await text('#streaming-more')).toBe('1 waiting for money')
    await page.screenshot({ path: join(SHOTS, 'paused.png') })
    await pair.buyer.pausePayments(false)
    await page.locator('#streams .tag', { hasText: 'running' }).waitFor()
  })

  it('sets a price by the keyboard, says what it was, and refuses what is no price', async () => {
    const input = page.getByLabel('Price of A model')
    await input.focus()
    await input.fill('2 sat/token')
    // Live figures come in meanwhile: what is being typed stays.
    const shown = await text('#today')
    await page.waitForFunction((before) => document.getElementById('today')?.textContent !== before, shown)
    expect(await input.inputValue()).toBe('2 sat/token')
    await page.keyboard.press('Enter')
    await page.getByText('A model: 2 sat/token from now on, 1 sat/token before.').waitFor()
    await page.locator('#routes li', { hasText: '1 sat/token until just now' }).waitFor()
    await input.fill('a lot')
    await page.keyboard.press('Enter')
    await page.locator('#price-status[data-bad="true"]').waitFor()
    const { price } = shop.routes[0]!.priced!.terms
    expect(price).toMatchObject({ msat: 2000n, per: 1n })
    await input.fill('2 sat/token')
  })

  it('a page of another site changes nothing, though the browser has a session', async () => {
    const before = await page.evaluate(async () => {
      const { csrf } = await (await fetch('/api/session')).json()
      const post = (headers: Record<string, string>) =>
        fetch('/api/price', { method: 'POST', headers, body: '{"route":"chat","price":"9 sat/token"}' })
      return [(await post({})).status, (await post({ 'x-csrf-token': `${csrf}x` })).status]
    })
    expect(before).toEqual([403, 403])
    complaints.length = 0
    // Another port of this machine is another origin, and of the same site: SameSite alone would let it through.
    const elsewhere = await serve(() => new Response('<p>', { headers: { 'content-type': 'text/html' } }), { port: 0 })
    const other = await page.context().newPage()
    await other.goto(elsewhere.url)
    const crossed = await other.evaluate(async (url) => {
      const init: RequestInit = {
        method: 'POST',
        credentials: 'include',
        body: '{"route":"chat","price":"9 sat/token"}',
      }
      const simple = await fetch(`${url}/api/price`, { ...init, mode: 'no-cors' }).then(
        ({ type }) => type,
        () => 'failed',
      )
      const read = await fetch(`${url}/api/session`, { credentials: 'include' }).then(
        () => 'read',
        () => 'failed',
      )
      return [simple, read]
    }, admin.url)
    // The answer to the first is hidden from it; what counts is that nothing changed.
    expect(crossed[1]).toBe('failed')
    expect(shop.routes[0]!.priced!.terms.price.msat).toBe(2000n)
    await other.close()
    await elsewhere.close(0)
  })

  it('a title and a failure that are markup are text', async () => {
    shop.tell({ type: 'error', error: new StreamError('node-unreachable', HOSTILE), atMs: Date.now() })
    await page.locator('#troubles li', { hasText: 'onerror' }).waitFor()
    await page.locator('#routes strong', { hasText: 'onerror' }).waitFor()
    expect(await page.locator('main img, main script').count()).toBe(0)
    expect(await page.evaluate(() => 'hit' in window)).toBe(false)
  })

  it('tells whom splits pay and what each is owed, once there is somebody', async () => {
    await page.locator('#recipients-panel').waitFor({ state: 'hidden' })
    shop.recipients = [{ recipient: 'creator', earned: msat(9_000_000n), paid: msat(8_500_000n), kept: false }]
    await page.locator('#recipients tr', { hasText: 'creator' }).waitFor()
    const cells = page.locator('#recipients tbody td')
    expect(await cells.allTextContents()).toEqual(['creator', '9\u202f000', '8\u202f500', '500'])
  })

  it('draws revenue for each span, fits a phone, and the browser has nothing to complain of', async () => {
    for (const span of ['Hour', 'Week', 'Year', 'Day']) {
      await page.getByRole('button', { name: span }).click()
      await page.locator('#revenue-words', { hasText: `in the last ${span.toLowerCase()}` }).waitFor()
    }
    await page.locator('#chart canvas').waitFor()
    await page.screenshot({ path: join(SHOTS, 'wide.png') })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.screenshot({ path: join(SHOTS, 'dark.png') })
    await page.setViewportSize({ width: 360, height: 780 })
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
    await page.screenshot({ path: join(SHOTS, 'phone.png'), fullPage: true })
    expect(complaints).toEqual([])
  })

  it('goes on by itself when the gateway is back, and signs out', async () => {
    const { port } = admin
    await admin.close()
    await page.locator('#status[data-state="lost"]').waitFor()
    admin = await openAdmin({ gateway: shop, port, home })
    await page.locator('#status[data-state="live"]').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
  })
})
