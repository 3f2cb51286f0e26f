import { createBuyer } from '../../src/buyer/buyer.ts'
import type { TradeSummary } from '../../src/buyer/trade/summary.ts'
import type { ShopAccount } from '../account.ts'
import { sleep } from '../figure.ts'
import type { Pair } from '../nodes.ts'
import { openShop, type SourceOrder } from '../shop.ts'

/** How a purchase of tokens at 1 sat each went, on both sides. */
export interface TokenRun {
  readonly trade: TradeSummary
  readonly account: ShopAccount
  readonly tokens: number
  readonly seconds: number
}

/** Buys from a token source for so many seconds, counting from the first token. */
export async function buyTokens(pair: Pair, source: SourceOrder, window: string, seconds: number): Promise<TokenRun> {
  const shop = await openShop({ node: pair.sellerSpec, price: '1 sat/token', credit: window, source })
  await pair.connect(shop.publicKey)
  // A stranger's first payment over a channel costs what none after it does: routes and sessions are set up.
  const warm = createBuyer({ node: pair.buyer, max: '10000 sat', ahead: window })
  await readFor(await warm.fetch(shop.url), 0.5)
  await warm.close()
  const buyer = createBuyer({ node: pair.buyer, max: '100000 sat', ahead: window })
  const response = await buyer.fetch(shop.url)
  const startedAt = performance.now()
  const tokens = await readFor(response, seconds)
  const elapsed = (performance.now() - startedAt) / 1000
  const trade = buyer.trades[0]!
  await sleep(200)
  const account = (await shop.accounts()).find(({ agreement }) => agreement === trade.agreement)!
  await buyer.close()
  await shop.close()
  return { trade, account, tokens, seconds: elapsed }
}

async function readFor(response: Response, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000
  const decoder = new TextDecoder()
  let tokens = 0
  for await (const chunk of response.body ?? []) {
    tokens += decoder.decode(chunk).split('data: {').length - 1
    if (performance.now() >= until) break
  }
  return tokens
}
