import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sat } from '../../src/money/msat.ts'
import { readChallenges } from '../../src/wire/challenges.ts'
import { formatL402Credential } from '../../src/wire/l402/header.ts'
import { type Figure, median, round } from '../figure.ts'
import { load, loadInTurn } from '../load.ts'
import { embeddedPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const SECONDS = 3
const ROUNDS = 4

/** Requests a second with one L402 token, metered, with the ledger on disk, against no paywall. */
export async function credential(): Promise<Figure> {
  const pair = await embeddedPair()
  const folder = mkdtempSync(join(tmpdir(), 'streampay-bench-ledger-'))
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 msat/request',
    source: { kind: 'hello' },
    ledger: join(folder, 'ledger.db'),
    schemes: ['l402'],
    // At 1 msat a request it lasts for the whole load.
    allowance: '1000 sat',
  })
  await pair.connect(shop.publicKey)
  const unpaid = await fetch(shop.url)
  const offer = readChallenges(unpaid.headers.get('www-authenticate') ?? '').options.find(
    ({ scheme }) => scheme === 'l402',
  )
  if (offer?.scheme !== 'l402') throw new Error('no L402 challenge')
  const { token, invoice } = offer.challenge
  const outcome = await pair.buyer.pay({ request: invoice, maxFee: sat(10), timeoutMs: 30_000 })
  if (outcome.status !== 'settled') throw new Error(`the token was not paid: ${outcome.status}`)
  const authorization = formatL402Credential(token, outcome.preimage)
  const [, ...pairs] = await loadInTurn(
    () => load(shop.url, SECONDS, { authorization }),
    () => load(shop.freeUrl, SECONDS),
    ROUNDS,
  )
  await shop.close()
  await pair.close()
  rmSync(folder, { recursive: true, force: true })
  const served = pairs.reduce((sum, [paid]) => sum + (paid.statuses['200'] ?? 0), 0)
  const ratio = round(median(pairs.map(([paid, free]) => paid.perSecond / free.perSecond)))
  return {
    name: 'credential',
    value: round(median(pairs.map(([paid]) => paid.perSecond))),
    unit: 'requests/s',
    counterpart: 'the same server without the paywall',
    counterpartValue: round(median(pairs.map(([, free]) => free.perSecond))),
    ratio,
    goal: 'ratio >= 0.35',
    held: ratio >= 0.35 && pairs.every(([paid]) => paid.statuses['200'] && Object.keys(paid.statuses).length === 1),
    note: `all ${served} answered 200, each written before it left; median of ${pairs.length} pairs of ${SECONDS} s`,
  }
}
