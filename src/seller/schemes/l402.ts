import { hexToBytes } from '@noble/hashes/utils.js'
import { StreamError } from '../../errors/error.ts'
import { type Grant, readCaveats } from '../../wire/l402/caveats.ts'
import { type L402Credential, parseL402Credential, parseL402Metadata } from '../../wire/l402/header.ts'
import { decodeIdentifier, type Macaroon, verifyMacaroon } from '../../wire/l402/macaroon.ts'
import type { Seller } from '../seller.ts'
import { paidAccount } from './proof.ts'
import type { Proven, Remembered } from './remembered.ts'
import { checkPlace, type Host, serve, type Use } from './serve.ts'
import type { Shown } from './shown.ts'
import { OWN_CAVEATS, serviceOf } from './texts.ts'

/**
 * L402, metered: a token is good for as much as its payment bought, over any number of requests; then the answer is a fresh 402.
 * @throws StreamError
 */
export async function useL402(use: Use, shown: Shown, remembered: Remembered): Promise<Response> {
  const proven = remembered.get(shown.text) ?? (await prove(use.host, shown))
  remembered.set(shown.text, proven)
  const { account, reference } = proven
  return serve(use, account, { receipt: { reference }, graceMs: 0 })
}

async function prove(host: Host, { kind, text }: Shown): Promise<Proven> {
  const { macaroon, paymentHash, preimage } = readToken(
    host.seller,
    kind === 'l402' ? parseL402Credential(text) : parseL402Metadata(text),
  )
  const validUntilMs = checkCaveats(macaroon, serviceOf(host.scope()))
  const account = await paidAccount(host.seller, paymentHash, preimage)
  checkPlace(host, account)
  const claim = await host.seller.accounts.claim(account, { scheme: 'l402' })
  if (claim?.scheme !== 'l402') throw invalid('its payment was used under another scheme')
  if (account.closed) throw invalid('it was revoked')
  return { account, reference: paymentHash, ...(validUntilMs !== undefined && { validUntilMs }) }
}

function readToken(seller: Seller, { macaroons, preimage }: L402Credential) {
  const [macaroon] = macaroons
  const identifier = macaroon && decodeIdentifier(macaroon.identifier)
  if (!macaroon || !identifier) throw invalid('its identifier is none of L402')
  const { paymentHash } = identifier
  const isOurs = seller.keys.all.some((key) => verifyMacaroon(hexToBytes(key.tokenKey(paymentHash)), macaroon))
  if (!isOurs) {
    throw invalid('it was not made here, or was altered')
  }
  return { macaroon, paymentHash, preimage }
}

/** Whoever holds a token may have narrowed it for somebody else: what is narrower here than we can keep to is refused. */
function checkCaveats({ caveats }: Macaroon, service: string): number | undefined {
  const granted = readCaveats(caveats, service)
  const made = readCaveats(caveats.slice(0, OWN_CAVEATS), service)
  if (granted.validUntilMs !== undefined && Date.now() >= granted.validUntilMs) throw invalid('it has expired')
  if (isLess(granted, made)) throw invalid('it was narrowed to a part of its allowance, which is not kept apart here')
  if (granted.capabilities && granted.capabilities.length > 0)
    throw invalid('it was narrowed to capabilities that are not known here')
  return granted.validUntilMs
}

const isLess = ({ allowance }: Grant, made: Grant): boolean =>
  allowance !== undefined && (made.allowance === undefined || allowance.steps < made.allowance.steps)

const invalid = (why: string): StreamError => new StreamError('macaroon-invalid', `the token is not accepted: ${why}`)
