import { expect, test } from 'vitest'
import { openMarket, readAll, Source } from './market.ts'

const KIB = 1024

test('what left for a request that was cut is lost, and the next request does not wait for it', async () => {
  let requests = 0
  const market = await openMarket({
    graceMs: 20_000,
    handler: () => new Response(new Source((requests++ === 0 ? 100 : 2) * KIB).body),
  })
  const buyer = market.buyer({ ahead: '3 sat' })
  const reader = (await buyer.fetch(market.url)).body!.getReader()
  await reader.read()
  await reader.cancel()
  // As if all that is paid had left on the connection that was cut: the window holds nothing more.
  const { gate } = market.account
  gate.reserve(10n ** 6n, 1n)
  // Where the window still has room it is paid for; where it has none the reader is told: it never just waits.
  const outcome = await buyer
    .fetch(market.url)
    .then(readAll)
    .catch((error) => error.code)
  expect([2 * KIB, 'window-too-small']).toContain(outcome)
})
