import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveFolder } from '../../src/seller/sources/folder.ts'
import { creditAt } from '../../src/terms/credit.ts'
import { launch, makeVideo, noBrowser, Shop, shoot, until } from './stage.ts'

const SECONDS = 20
const BYTES_A_SAT = 8192n
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

function hasFfmpeg(): boolean {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const missing = noBrowser ?? (hasFfmpeg() ? undefined : 'no ffmpeg')

const played = (page: Page): Promise<number> => page.evaluate(() => document.querySelector('video')!.currentTime)

/** What axe finds wrong with a page, shadow roots and open dialogs included. */
async function complaints(page: Page): Promise<string[]> {
  // The page's own policy keeps it out otherwise.
  await page.evaluate(await import('node:fs').then(({ readFileSync }) => readFileSync(AXE, 'utf8')))
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
  })
}

describe.skipIf(missing !== undefined)(`the player page${missing ? `: ${missing}` : ''}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'streampay-video-'))
  let browser: Browser
  let shop: Shop
  beforeAll(async () => {
    ;[browser] = await Promise.all([launch(), makeVideo(folder, SECONDS)])
    shop = await Shop.open({
      route: {
        name: 'films',
        title: 'A <b>film</b> & "more"',
        kind: 'video',
        description: 'Twenty seconds of test pictures.',
      },
      handler: serveFolder(folder),
      price: '1 sat/8 KiB',
      credit: '2 sat',
    })
  })
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a browser that is sent to the video gets the player, still as a 402', async () => {
    const response = await fetch(`${shop.server.url}/index.m3u8`, { headers: { accept: 'text/html' } })
    expect(response.status).toBe(402)
    expect(response.headers.get('www-authenticate')).toMatch(/^Payment /)
    const text = await response.text()
    expect(text).toContain('data-src="/index.m3u8"')
    expect(text).not.toContain('<b>film')
  })

  test('plays to the end by keyboard alone, stops when the wallet is cut, goes on when it is back, and pays for what came', async () => {
    const page = await shop.page(browser, { viewport: { width: 1280, height: 860 } })
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(`${shop.server.url}/.stream/play/films/index.m3u8`)
    await until(() => page.evaluate(() => 'purse' in window), 'the page is ready')
    await shoot(page, 'player-before')
    expect(await complaints(page)).toEqual([])
    await page.locator('button.start').focus()
    await page.keyboard.press('Enter')
    await page.locator('dialog').waitFor()
    expect(shop.asked, 'nothing is paid before consent').toEqual([])
    await shoot(page, 'player-consent')
    expect(await complaints(page)).toEqual([])
    await page.locator('dialog button.main').focus()
    await page.keyboard.press('Enter')
    await until(async () => (await played(page)) > 3, 'it plays')
    await shoot(page, 'player-plays')
    expect(await complaints(page)).toEqual([])

    shop.walletCut = true
    await until(
      async () => (await page.locator('stream-meter [role=alert]').textContent()) !== '',
      'it says why it stops',
    )
    await until(() => page.evaluate(() => document.querySelector('video')!.readyState < 3), 'it stands still')
    const at = await played(page)
    await shoot(page, 'player-cut')
    const [account] = shop.accounts
    expect(account!.gate.maxUnpaid).toBeLessThanOrEqual(creditAt(account!.agreement.credit, account!.gate.paid))
    shop.walletCut = false
    await until(async () => (await played(page)) > at + 1, 'it goes on')
    await until(() => page.evaluate(() => document.querySelector('video')!.ended), 'it ends')
    expect(await played(page)).toBeGreaterThan(SECONDS - 0.5)
    await shoot(page, 'player-end')

    await page.locator('stream-meter').getByRole('button', { name: 'Stop' }).click()
    await until(
      () => page.evaluate(() => window.purse.state === 'stopped' && window.purse.closings.length > 0),
      'it is closed',
    )
    const files = readdirSync(folder).map((name) => statSync(path.join(folder, name)).size)
    const price = files.reduce((sum, size) => sum + (BigInt(size) * 1000n) / BYTES_A_SAT, 0n)
    const delivered = shop.accounts.reduce((sum, { gate }) => sum + gate.delivered, 0n)
    console.log(`played ${SECONDS} s; its bytes cost ${price} msat, delivered ${delivered} msat`)
    expect(Number(delivered)).toBeGreaterThanOrEqual(Number(price) * 0.98)
    expect(Number(delivered)).toBeLessThanOrEqual(Number(price) * 1.02)
    expect(errors).toEqual([])
    await page.context().close()
  })
})
