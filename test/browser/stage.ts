import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { ROOT } from '../../scripts/run/child.ts'
import { bundleWeb } from '../../scripts/web/bundle.ts'
import { type PageRoute, pages, withCors, withPage } from '../../src/gateway/pages/index.ts'
import { embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, paywall, type Wall, type WallOptions } from '../../src/seller/paywall.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const found = CHROMIUM.find((file) => existsSync(file))

/** Why there is no browser to test with; `undefined` if there is one. */
export const noBrowser = found ? undefined : 'no Chromium (apt-get install chromium)'

/** Where screenshots are kept: outside of git. */
export const SHOTS = path.join(ROOT, '.cache', 'browser')

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

const run = promisify(execFile)

/** A video from ffmpeg's test sources as HLS, in segments of two seconds. @returns why it cannot be, if so */
export async function makeVideo(folder: string, seconds: number): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const picture = ['-f', 'lavfi', '-i', `testsrc2=size=640x360:rate=25:duration=${seconds}`]
  const sound = ['-f', 'lavfi', '-i', `sine=frequency=330:duration=${seconds}`]
  const coding = [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-b:v',
    '200k',
    '-g',
    '50',
    '-pix_fmt',
    'yuv420p',
    '-c:a',
    'aac',
    '-b:a',
    '32k',
  ]
  const hls = [
    '-f',
    'hls',
    '-hls_time',
    '2',
    '-hls_playlist_type',
    'vod',
    '-hls_segment_filename',
    path.join(folder, 's%02d.ts'),
  ]
  await run('ffmpeg', ['-v', 'error', '-y', ...picture, ...sound, ...coding, ...hls, path.join(folder, 'index.m3u8')])
}

export interface ShopOptions extends WallOptions {
  readonly route: PageRoute
  readonly handler: PaidHandler
}

export interface ShopNodes {
  readonly seller: LightningNode
  readonly buyer: LightningNode
  close(): Promise<void>
}

/** A seller with pages, and the buyer's wallet, on real nodes: embedded ones unless others are given. */
export class Shop {
  readonly nodes: ShopNodes
  readonly wall: Wall
  readonly server: RunningServer
  readonly #built: string
  /** The wallet refuses while this is set. */
  walletCut = false
  /** Amounts that the page's wallet was asked to pay. */
  readonly asked: bigint[] = []

  private constructor(nodes: ShopNodes, wall: Wall, server: RunningServer, built: string) {
    this.#built = built
    this.nodes = nodes
    this.wall = wall
    this.server = server
  }

  static async open({ route, handler, ...options }: ShopOptions, given?: ShopNodes): Promise<Shop> {
    const nodes = given ?? (await embeddedPair())
    // Files of tests run side by side: each has pages of its own.
    const built = mkdtempSync(path.join(tmpdir(), 'streampay-web-'))
    await bundleWeb(built)
    const wall = paywall({ node: nodes.seller, ...options })
    const sell = wall(handler)
    const page = pages({ routes: () => [route], built })
    const server = await serve(
      withCors(async (request) => page(request) ?? withPage(request, route, await sell(request))),
      { port: 0 },
    )
    return new Shop(nodes, wall, server, built)
  }

  /** Each account's money at risk, and what it delivered. */
  get accounts() {
    return [...this.wall.seller.accounts.inMemory.values()]
  }

  /** A page with a WebLN wallet in front of the buyer's node, or with none. */
  async page(
    browser: Browser,
    { wallet = true, ...options }: BrowserContextOptions & { wallet?: boolean } = {},
  ): Promise<Page> {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
    const page = await context.newPage()
    if (!wallet) return page
    await page.exposeFunction('walletPays', async (request: string) => {
      this.asked.push(decodeInvoice(request).amount ?? 0n)
      if (this.walletCut) return { error: 'Payment failed: the wallet is away' }
      const outcome = await this.nodes.buyer.pay({ request, maxFee: sat(10), timeoutMs: 30_000 })
      return outcome.status === 'settled' ? { preimage: outcome.preimage } : { error: `${outcome.status}` }
    })
    await page.exposeFunction('walletInvoices', async (amount: number) => {
      const wanted = { amount: sat(amount), description: 'back', expiresInSeconds: 3600 }
      const [made] = await this.nodes.buyer.createInvoices([wanted])
      return made!.request
    })
    const { publicKey: pubkey } = await this.nodes.buyer.info()
    await page.addInitScript(installWallet, pubkey)
    return page
  }

  async close(): Promise<void> {
    await this.server.close(0)
    await this.wall.close()
    await this.nodes.close()
    rmSync(this.#built, { recursive: true, force: true })
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

export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) })
}

/** Waits until something is so; the limit only ends a test that would hang. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 45_000; !(await condition()); await new Promise((done) => setTimeout(done, 50))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
  }
}
