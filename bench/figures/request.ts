import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sat } from '../../src/money/msat.ts'
import type { Figure } from '../figure.ts'
import { embeddedPair } from '../nodes.ts'
import { perRequest } from '../perRequest.ts'
import { challengeOf, openAgreement } from '../prepaid.ts'
import { openShop } from '../shop.ts'

/** Requests a second on an open agreement that is priced by the request, with the ledger on disk, against no paywall. */
export async function request(): Promise<Figure> {
  const pair = await embeddedPair()
  const folder = mkdtempSync(join(tmpdir(), 'streampay-bench-ledger-'))
  // A price of 1 msat, so that what is paid once lasts for the whole load.
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 msat/request',
    credit: '1 sat',
    source: { kind: 'hello' },
    ledger: join(folder, 'ledger.db'),
  })
  await pair.connect(shop.publicKey)
  const { authorization } = await openAgreement(shop.url, await challengeOf(shop.url), [sat(1000)], pair.buyer)
  const figure = await perRequest({ name: 'request', shop, authorization, goal: 0.5 })
  const [account] = await shop.accounts()
  await shop.close()
  await pair.close()
  rmSync(folder, { recursive: true, force: true })
  return { ...figure, note: `${figure.note}; ${account?.deliveredSteps} counted in all` }
}
