import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasFfmpeg } from '../../src/gateway/video/ffmpeg.ts'
import { makeFilm } from '../../src/gateway/video/testing/film.ts'
import { sleep, tempFolder } from '../cli/command.ts'
import { ended, PLAYER, played, stop, trouble, watch } from './player.ts'
import { launch, noBrowser, Shop, shoot, until, visit, WATCHING } from './stage.ts'

const SECONDS = 24
const MSAT_A_SECOND = 2000
const AHEAD = 10_000n
const AWAY_MS = 8000
const missing = noBrowser ?? (hasFfmpeg() ? undefined : 'no ffmpeg')

describe.skipIf(missing !== undefined)(`what befalls a viewer${missing ? `: ${missing}` : ''}`, WATCHING, () => {
  const folder = tempFolder()
  const late = path.join(folder, 'late')
  let browser: Browser
  let shop: Shop
  beforeAll(async () => {
    const target = makeFilm(folder, { seconds: SECONDS })
    browser = await launch()
    const clock = pathToFileURL(path.join(import.meta.dirname, 'clockAhead.ts')).href
    shop = await Shop.open({
      sells: [target, '--price', '2 sat/s', '--grace', '5s'],
      env: { NODE_OPTIONS: `--import=${clock}`, CLOCK_AHEAD: late },
    })
    await until(async () => (await fetch(`${shop.url}/index.m3u8`)).ok, 'the film is packaged')
  }, WATCHING.timeout)
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
  })
  const sum = (amounts: readonly bigint[]) => amounts.reduce((all, one) => all + one, 0n)
  const agreements = (page: Page) => page.evaluate(() => window.purse.trades.map(({ agreement }) => agreement))
  const openAt = async (page: Page, budget: string) => {
    await visit(page, shop.url + PLAYER)
    await page.locator('button.start').click()
    await page.locator('dialog').getByLabel('Budget here').fill(budget)
    await page.locator('dialog button.main').click()
  }
  /** As `until`; what does not come says what the page shows. */
  const explained = (page: Page, condition: () => Promise<boolean>, what: string) =>
    until(condition, what).catch(async (error) => {
      const state = await page.evaluate(() => window.purse.state)
      throw new Error(`${error.message}: ${state} at ${await played(page)} s, "${await trouble(page)}"`)
    })
  /** It ends, and costs what it plays. */
  const expectWatched = async (page: Page, name: string) => {
    await explained(page, () => ended(page), 'it ends')
    const closings = await stop(page)
    const delivered = sum(closings.map((closing) => closing.delivered))
    console.log(`${name}: delivered ${delivered} msat of ${SECONDS * MSAT_A_SECOND} on ${closings.length} agreements`)
    expect(Number(delivered)).toBeGreaterThanOrEqual(SECONDS * MSAT_A_SECOND * 0.98)
    expect(Number(delivered)).toBeLessThanOrEqual(SECONDS * MSAT_A_SECOND * 1.02)
    await page.context().close()
  }

  test('two tabs: an agreement for each, and one budget for both', async () => {
    const profile = await shop.profile(browser)
    const [one, two] = [await profile.newPage(), await profile.newPage()]
    const before = sum(shop.paid)
    await openAt(one, '40')
    await until(async () => (await played(one)) > 1, 'the first plays')
    await openAt(two, '40')
    await until(async () => (await played(two)) > 1, 'the second plays')
    const [first, second] = await Promise.all([agreements(one), agreements(two)])
    expect(first.filter((id) => second.includes(id))).toEqual([])
    const usedUp = async (page: Page) => (await trouble(page)).includes('budget is used up')
    await until(async () => (await usedUp(one)) && (await usedUp(two)), 'the budget ends both')
    const spent = sum(shop.paid) - before
    expect(spent).toBeLessThanOrEqual(40_000n)
    expect(spent).toBeGreaterThan(30_000n)
    await shoot(two, 'two-tabs')
    // Raised in one of them it is raised for both.
    await one.locator('stream-meter').getByRole('button', { name: 'Budget' }).click()
    await one.locator('stream-meter').getByLabel('Budget here').fill('200')
    await one.keyboard.press('Enter')
    const budgetOf = (page: Page) => page.evaluate(() => `${window.purse.budget}`)
    await until(async () => (await budgetOf(two)) === '200000', 'the other one knows')
    await Promise.all([one, two].map((page) => until(() => ended(page), 'it ends')))
    expect(sum(shop.paid) - before).toBeLessThanOrEqual(200_000n)
    await stop(one)
    // Taken back in one of them it is taken back in both.
    await two.evaluate(() => window.purse.setBudget(0n as never))
    expect(await two.evaluate(() => window.purse.state)).toBe('stopped')
    await profile.close()
  })

  test('a tab that is closed leaves its agreement to the next', async () => {
    const profile = await shop.profile(browser)
    const one = await profile.newPage()
    await watch(one, shop.url + PLAYER)
    await until(async () => (await played(one)) > 1, 'it plays')
    const left = await agreements(one)
    await one.close()
    const two = await profile.newPage()
    await two.goto(`${shop.url}/.stream/`)
    // The browser takes its time over what a closed tab held.
    const held = () => two.evaluate(async () => (await navigator.locks.query()).held?.length ?? 0)
    await until(async () => (await held()) === 0, 'the closed tab lets go')
    await watch(two, shop.url + PLAYER)
    await until(async () => (await played(two)) > 1, 'it plays')
    expect(await agreements(two)).toEqual(left)
    await expectWatched(two, 'left and taken up')
  })

  test('a lid that is closed pays nothing meanwhile, and the film goes on when it is opened', async () => {
    const page = await shop.page(browser)
    await watch(page, shop.url + PLAYER)
    await until(async () => (await played(page)) > 2, 'it plays')
    const { processInfo } = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo')
    const all = (signal: NodeJS.Signals) => {
      for (const { id } of processInfo) process.kill(id, signal)
    }
    all('SIGSTOP')
    const asked = sum(shop.asked)
    await sleep(AWAY_MS)
    all('SIGCONT')
    expect(sum(shop.asked)).toBe(asked)
    await expectWatched(page, 'a closed lid')
  })

  test('a network that is away for a while', async () => {
    const page = await shop.page(browser)
    await watch(page, shop.url + PLAYER)
    await until(async () => (await played(page)) > 2, 'it plays')
    await page.context().setOffline(true)
    const asked = sum(shop.asked)
    await sleep(AWAY_MS)
    expect(sum(shop.asked) - asked).toBeLessThanOrEqual(AHEAD)
    await page.context().setOffline(false)
    await expectWatched(page, 'offline')
  })

  test('a wallet that says paid and did not gets nothing, and is not asked on', async () => {
    shop.mood = 'lies'
    const page = await shop.page(browser)
    const before = sum(shop.asked)
    await watch(page, shop.url + PLAYER)
    await until(async () => (await trouble(page)).includes('does not say what became of a payment'), 'it says so')
    await sleep(AWAY_MS)
    await shoot(page, 'wallet-lies')
    const asked = sum(shop.asked) - before
    console.log(`a lying wallet was asked for ${asked} msat: ${await trouble(page)}`)
    expect(await played(page)).toBe(0)
    expect(asked).toBeLessThanOrEqual(AHEAD)
    expect(await page.evaluate(() => window.purse.state)).toBe('paused')
    shop.mood = 'pays'
    // To go on is the viewer's word.
    await page.locator('stream-meter').getByRole('button', { name: 'Go on' }).click()
    await until(async () => (await played(page)) > 1, 'it plays')
    await page.context().close()
  })

  test('an agreement that expires is followed by another, and nothing is paid twice', async () => {
    const page = await shop.page(browser)
    await watch(page, shop.url + PLAYER)
    await until(async () => (await played(page)) > 2, 'it plays')
    const first = await agreements(page)
    // No invoice is on its way while the clocks of the two sides differ.
    await page.evaluate(() => window.purse.pause())
    await sleep(1000)
    await page.evaluate(() => {
      const { now } = Date
      Date.now = () => now() + 25 * 3_600_000
    })
    writeFileSync(late, '')
    await sleep(1000)
    await page.evaluate(() => window.purse.resume())
    await explained(page, async () => (await agreements(page)).some((id) => !first.includes(id)), 'another one is made')
    await expectWatched(page, 'expired')
  })
})
