import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sat } from '../../src/money/msat.ts'
import { readChallenges } from '../../src/wire/challenges.ts'
import { formatL402Credential } from '../../src/wire/l402/header.ts'
import type { Figure } from '../figure.ts'
import { embeddedPair } from '../nodes.ts'
import { perRequest } from '../perRequest.ts'
import { openShop } from '../shop.ts'

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
  const figure = await perRequest({ name: 'credential', shop, authorization, goal: 0.35 })
  await shop.close()
  await pair.close()
  rmSync(folder, { recursive: true, force: true })
  return { ...figure, note: `${figure.note}; each written before it left` }
}
