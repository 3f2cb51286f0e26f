import { mkdirSync, renameSync } from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasFfmpeg } from '../../src/gateway/video/ffmpeg.ts'
import { makeFilm } from '../../src/gateway/video/testing/film.ts'
import { amount, tempFolder } from '../cli/command.ts'
import { complaints } from './axe.ts'
import { ended, PLAYER, played, stop, trouble } from './player.ts'
import { launch, noBrowser, overflow, PHONE, Shop, shoot, until, visit, WATCHING } from './stage.ts'

const SECONDS = 20
const MSAT_A_SECOND = 2000
const CREDIT = 2000n
const missing = noBrowser ?? (hasFfmpeg() ? undefined : 'no ffmpeg')

describe.skipIf(missing !== undefined)(`a film in a browser${missing ? `: ${missing}` : ''}`, WATCHING, () => {
  const folder = tempFolder()
  let browser: Browser
  let shop: Shop
  beforeAll(async () => {
    const target = makeFilm(folder, { seconds: SECONDS })
    browser = await launch()
    shop = await Shop.open({ sells: [target, '--price', '2 sat/s', '--credit', '2 sat'] })
  }, WATCHING.timeout)
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
  })

  test('the terminal names a page, and whoever opens the address finds the film', async () => {
    const selling = await shop.seller.event('selling')
    expect(selling.page).toBe(`${shop.url}/.stream/`)
    const page = await shop.page(browser)
    await until(async () => {
      await page.goto(shop.url)
      return page.getByRole('link', { name: 'Watch film' }).isVisible()
    }, 'the film is packaged')
    await until(() => page.evaluate(() => document.querySelector('img')!.naturalWidth > 0), 'it has a picture')
    expect(await complaints(page)).toEqual([])
    await shoot(page, 'index-light')
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize(PHONE)
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    expect(await complaints(page)).toEqual([])
    await shoot(page, 'index-dark-phone')
    await page.getByRole('link', { name: 'Watch film' }).click()
    await until(() => page.evaluate(() => 'purse' in window), 'the page is ready')
    expect(new URL(page.url()).pathname).toBe(PLAYER)
    await shoot(page, 'player-dark-phone')
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    await page.context().close()
  })

  test('a browser that is sent to the playlist or a segment gets the player; a program gets what it asked for', async () => {
    const html = { accept: 'text/html,*/*' }
    const playlist = await fetch(`${shop.url}/index.m3u8`, { headers: html })
    expect([playlist.status, await playlist.text()]).toEqual([200, expect.stringContaining('data-src="/index.m3u8"')])
    expect(await (await fetch(`${shop.url}/index.m3u8`)).text()).toContain('#EXTM3U')
    const [, variant] = /^([^#\s].*)$/m.exec(await (await fetch(`${shop.url}/index.m3u8`)).text())!
    const media = new URL(variant!, shop.url)
    const [, name] = /^([^#\s].*)$/m.exec(await (await fetch(media)).text())!
    const segment = await fetch(new URL(name!, media), { headers: html })
    expect([segment.status, await segment.text()]).toEqual([402, expect.stringContaining('data-src="/index.m3u8"')])
    expect(segment.headers.get('www-authenticate')).toMatch(/^Payment /)
  })

  test('a page of another origin may read what paying needs', async () => {
    const headers = { origin: 'https://page.example' }
    const response = await fetch(`${shop.url}/index.m3u8`, { headers })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    const asks = {
      ...headers,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    }
    expect((await fetch(`${shop.url}/index.m3u8`, { method: 'OPTIONS', headers: asks })).status).toBe(204)
  })

  test('plays to the end by keyboard alone, stops when the wallet is cut, goes on when it is back, and costs its seconds', async () => {
    const page = await shop.page(browser, { viewport: { width: 1280, height: 900 } })
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await visit(page, shop.url + PLAYER)
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

    shop.mood = 'refuses'
    await until(async () => (await trouble(page)) !== '', 'it says why it stops')
    await until(() => page.evaluate(() => document.querySelector('video')!.readyState < 3), 'it stands still')
    const at = await played(page)
    await shoot(page, 'player-cut')
    shop.mood = 'pays'
    await until(async () => (await played(page)) > at + 1, 'it goes on')
    await until(() => ended(page), 'it ends')
    expect(await played(page)).toBeGreaterThan(SECONDS - 0.5)
    await shoot(page, 'player-end')

    const closings = await stop(page)
    const delivered = closings.reduce((sum, closing) => sum + closing.delivered, 0n)
    console.log(`${SECONDS} s at ${MSAT_A_SECOND} msat/s: delivered ${delivered} msat on ${closings.length} agreements`)
    expect(Number(delivered)).toBeGreaterThanOrEqual(SECONDS * MSAT_A_SECOND * 0.98)
    expect(Number(delivered)).toBeLessThanOrEqual(SECONDS * MSAT_A_SECOND * 1.02)
    const closed = await shop.seller.event('closed')
    expect(amount(closed.maxUnpaid)).toBeLessThanOrEqual(CREDIT)
    expect(errors).toEqual([])
    await page.context().close()
  })
})

const EVIL = '<img src=x onerror=alert(1)>"onload="alert(2)'

describe.skipIf(missing !== undefined)('a shelf of films', WATCHING, () => {
  let browser: Browser
  let shop: Shop
  beforeAll(async () => {
    const shelf = path.join(tempFolder(), 'films')
    mkdirSync(shelf)
    makeFilm(shelf, { seconds: 4, name: 'a walk.mp4' })
    renameSync(makeFilm(shelf, { seconds: 4, name: 'other.mp4' }), path.join(shelf, `${EVIL}.mp4`))
    browser = await launch()
    shop = await Shop.open({ sells: [shelf, '--price', '1 sat/s'] })
  }, WATCHING.timeout)
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
  })

  test('has a link for each, and a name that looks like HTML is a name', async () => {
    const page: Page = await shop.page(browser)
    const alerts: string[] = []
    page.on('dialog', (dialog) => {
      alerts.push(dialog.message())
      void dialog.dismiss()
    })
    await until(async () => {
      await page.goto(shop.url)
      return (await page.getByRole('link', { name: 'Watch' }).count()) === 2
    }, 'both are packaged')
    await shoot(page, 'index-shelf')
    expect(await page.locator('ul img:not([loading])').count()).toBe(0)
    await page.getByRole('link', { name: EVIL }).click()
    await until(() => page.evaluate(() => 'purse' in window), 'the page is ready')
    expect(await page.locator('h1').textContent()).toBe(EVIL)
    await page.locator('button.start').click()
    await page.locator('dialog button.main').click()
    await until(() => ended(page), 'it plays all the same')
    const [closing] = await stop(page)
    expect(Number(closing!.delivered)).toBeGreaterThanOrEqual(3900)
    await page.goto(`${shop.url}/.stream/play/all/"><script>alert(3)</script>.m3u8?"><script>alert(4)</script>`)
    await page.goto(`${shop.url}/.stream/try/"><script>alert(5)</script>`)
    expect(alerts).toEqual([])
    await page.context().close()
  })
})
