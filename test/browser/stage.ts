import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { ROOT } from '../../scripts/run/child.ts'
import { ensureWeb } from '../../scripts/web/ensure.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { commands, type Running, tempFolder } from '../cli/command.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const found = CHROMIUM.find((file) => existsSync(file))

/** Why there is no browser to test with; `undefined` if there is one. */
export const noBrowser = found ? undefined : 'no Chromium (apt-get install chromium)'

/** Ends a test that would hang: a film takes its time, and so does a machine that does more than this. */
const PATIENCE_MS = 120_000
/** Of a test that watches a film. */
export const WATCHING = { timeout: 300_000 }

/** Where screenshots are kept: outside of git. */
export const SHOTS = path.join(ROOT, '.cache', 'browser')
export const PHONE = { width: 390, height: 844 }

/** One browser, that asks nobody but this machine for anything. */
export function launch(): Promise<Browser> {
  const features = 'OptimizationHints,MediaRouter,Translate,AutofillServerCommunication'
  return chromium.launch({
    executablePath: found!,
    args: [
      '--no-first-run',
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-default-apps',
      '--autoplay-policy=no-user-gesture-required',
      `--disable-features=${features}`,
    ],
  })
}

export interface ShopOptions {
  /** What `streampay sell` is told: a target, a price and more, or a configuration. */
  readonly sells: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** The node behind the wallets of pages; a further embedded one of the seller's private chain by default. */
  readonly buyer?: LightningNode
}

/** How a wallet behaves to the page that asks it to pay. */
export type Mood = 'pays' | 'refuses' | 'lies'

/** `streampay sell` in a process of its own, and a wallet on a real node for the pages that buy from it. */
export class Shop {
  readonly seller: Running
  readonly url: string
  readonly buyer: LightningNode
  readonly #ownsBuyer: boolean
  mood: Mood = 'pays'
  /** Amounts that wallets were asked to pay, in msat, and what of it was paid. */
  readonly asked: bigint[] = []
  readonly paid: bigint[] = []

  private constructor(seller: Running, url: string, buyer: LightningNode, ownsBuyer: boolean) {
    this.seller = seller
    this.url = url
    this.buyer = buyer
    this.#ownsBuyer = ownsBuyer
  }

  static async open({ sells, env = {}, buyer: given }: ShopOptions): Promise<Shop> {
    await ensureWeb()
    const home = tempFolder()
    const seller = commands(home, env, PATIENCE_MS).start('sell', ...sells, '--json', '--port', '0')
    const { url, payee } = await seller.event('selling')
    const chain = path.join(home, 'state', 'regtest')
    if (given) return new Shop(seller, url as string, given, false)
    const buyer = await createEmbeddedNode({ home: chain, name: 'wallet' })
    await buyer.openChannelTo(payee as string)
    return new Shop(seller, url as string, buyer, true)
  }

  /** A browser's profile, with a WebLN wallet in front of the buyer's node, or with none. */
  async profile(
    browser: Browser,
    { wallet = true, ...options }: BrowserContextOptions & { wallet?: boolean } = {},
  ): Promise<BrowserContext> {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
    if (!wallet) return context
    await context.exposeFunction('walletPays', (request: string) => this.#pay(request))
    await context.exposeFunction('walletInvoices', async (amount: number) => {
      const wanted = { amount: sat(amount), description: 'back', expiresInSeconds: 3600 }
      const [made] = await this.buyer.createInvoices([wanted])
      return made!.request
    })
    const { publicKey: pubkey } = await this.buyer.info()
    await context.addInitScript(installWallet, pubkey)
    return context
  }

  async page(browser: Browser, options: BrowserContextOptions & { wallet?: boolean } = {}): Promise<Page> {
    return (await this.profile(browser, options)).newPage()
  }

  async #pay(request: string): Promise<{ preimage?: string; error?: string }> {
    const { amount = sat(0) } = decodeInvoice(request)
    this.asked.push(amount)
    if (this.mood === 'refuses') return { error: 'Payment failed: the wallet is away' }
    if (this.mood === 'lies') return { preimage: '00'.repeat(32) }
    const outcome = await this.buyer.pay({ request, maxFee: sat(10), timeoutMs: 30_000 })
    if (outcome.status !== 'settled') return { error: `${outcome.status}` }
    this.paid.push(amount)
    return { preimage: outcome.preimage }
  }

  async close(): Promise<void> {
    this.seller.signal('SIGINT')
    await this.seller.end()
    if (this.#ownsBuyer) await this.buyer.close()
  }
}

/** Runs in the page. */
function installWallet(pubkey: string): void {
  const outside = globalThis as unknown as {
    walletPays(request: string): Promise<{ preimage?: string; error?: string }>
    walletInvoices(amount: number): Promise<string>
    webln: unknown
  }
  outside.webln = {
    enable: async () => {},
    getInfo: async () => ({ node: { alias: 'test wallet', pubkey } }),
    sendPayment: async (request: string) => {
      const { preimage, error } = await outside.walletPays(request)
      if (error !== undefined) throw new Error(error)
      return { preimage }
    },
    makeInvoice: async ({ amount }: { amount: number }) => ({ paymentRequest: await outside.walletInvoices(amount) }),
  }
}

/** Opens a page of the gateway, when it can be used. */
export async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await until(() => page.evaluate(() => 'purse' in window), 'the page is ready')
}

export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) })
}

/** How far a page can be scrolled to the side: not at all, if it fits. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - innerWidth)

/** Waits until something is so; the limit only ends a test that would hang. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !(await condition()); await new Promise((done) => setTimeout(done, 50))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
  }
}
