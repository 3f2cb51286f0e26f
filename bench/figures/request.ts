import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sat } from '../../src/money/msat.ts'
import { type Figure, median, round } from '../figure.ts'
import { load, loadInTurn } from '../load.ts'
import { embeddedPair } from '../nodes.ts'
import { challengeOf, openAgreement } from '../prepaid.ts'
import { openShop } from '../shop.ts'

const SECONDS = 3
const ROUNDS = 4

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
  const [, ...pairs] = await loadInTurn(
    () => load(shop.url, SECONDS, { authorization }),
    () => load(shop.freeUrl, SECONDS),
    ROUNDS,
  )
  const [account] = await shop.accounts()
  await shop.close()
  await pair.close()
  rmSync(folder, { recursive: true, force: true })
  const served = pairs.reduce((sum, [paid]) => sum + (paid.statuses['200'] ?? 0), 0)
  const ratio = round(median(pairs.map(([paid, free]) => paid.perSecond / free.perSecond)))
  return {
    name: 'request',
    value: round(median(pairs.map(([paid]) => paid.perSecond))),
    unit: 'requests/s',
    counterpart: 'the same server without the paywall',
    counterpartValue: round(median(pairs.map(([, free]) => free.perSecond))),
    ratio,
    goal: 'ratio >= 0.5',
    held: ratio >= 0.5 && pairs.every(([paid]) => paid.statuses['200'] && Object.keys(paid.statuses).length === 1),
    note: `all ${served} answered 200; ${account?.deliveredSteps} counted in all; median of ${pairs.length} pairs of ${SECONDS} s`,
  }
}
