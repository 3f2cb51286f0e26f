import type { Page } from 'playwright-core'
import { visit } from './stage.ts'

export const PLAYER = '/.stream/play/all/index.m3u8'

export const played = (page: Page): Promise<number> => page.evaluate(() => document.querySelector('video')!.currentTime)

export const ended = (page: Page): Promise<boolean> => page.evaluate(() => document.querySelector('video')!.ended)

/** What a page says to be wrong, of paying and of the video. */
export async function trouble(page: Page): Promise<string> {
  const meter = await page.locator('stream-meter [role=alert]').textContent()
  return `${meter}${await page.locator('#problem').textContent()}`
}

/** Opens the player and begins to watch, with what the sheet proposes. */
export async function watch(page: Page, url: string): Promise<void> {
  await visit(page, url)
  await page.locator('button.start').click()
  await page.locator('dialog button.main').click()
}

/** Ends paying, and waits for the closing. @returns delivered and returned by the seller's statement, in msat */
export async function stop(page: Page): Promise<{ delivered: bigint; paid: bigint; returned: string }[]> {
  await page.locator('stream-meter').getByRole('button', { name: 'Stop' }).click()
  await page.waitForFunction(() => window.purse.state === 'stopped' && window.purse.closings.length > 0)
  const closings = await page.evaluate(() =>
    window.purse.closings.map(({ statement, returned }) => ({
      delivered: `${statement.delivered}`,
      paid: `${statement.paid}`,
      returned,
    })),
  )
  return closings.map(({ delivered, paid, returned }) => ({
    delivered: BigInt(delivered),
    paid: BigInt(paid),
    returned,
  }))
}
