import { StreamError } from '../../errors/error.ts'
import type { NodeInfo } from '../../lightning/node.ts'
import { formatMsat, type Msat } from '../../money/msat.ts'
import { type Price, parsePrice, price } from '../../money/price.ts'
import { offerRefusal } from '../../terms/strategy.ts'
import { type DecodedInvoice, decodeInvoice } from '../../wire/bolt11.ts'
import { type Challenge, isExpired } from '../../wire/challenge.ts'
import type { PaymentOption, SchemeName } from '../../wire/challenges.ts'
import { readAllowance } from '../../wire/l402/caveats.ts'
import { decodeIdentifier, type L402Challenge, type Macaroon, parseMacaroon } from '../../wire/l402/index.ts'
import { invoiceMismatch } from '../../wire/mismatch.ts'
import { chargeInvoice } from '../../wire/mpp/charge.ts'
import { depositInvoice } from '../../wire/mpp/session.ts'

/** Schemes under which is paid first, and delivered then. */
export type PrepaidScheme = Exclude<SchemeName, 'stream'>
export type PrepaidOption = Exclude<PaymentOption, { scheme: 'stream' }>

/** One invoice of a 402, read and held against what stands beside it, and what it is for. */
export interface Prepayment {
  readonly scheme: PrepaidScheme
  readonly challenge: Challenge | L402Challenge
  readonly invoice: DecodedInvoice
  readonly amount: Msat
  /** What a unit costs, where the seller says so: an L402 token need not tell what it is good for. */
  readonly price?: Price
}

/** What a buyer lets itself be asked for. */
export interface PrepaidLimits {
  readonly prices: readonly Price[]
  readonly maxRisk: Msat
}

/** An invoice must live at least this much longer when it is paid. */
const MINIMUM_LIFE_MS = 20_000
/** Steps that a token is believed to be good for. */
const MAX_ALLOWANCE = 10n ** 15n

/**
 * Reads what an option asks for, without judging the price.
 * @throws StreamError `invoice-invalid`, `invoice-mismatch`, `challenge-malformed`, `price-invalid`
 */
export function readPrepayment(option: PrepaidOption): Prepayment {
  const { scheme, challenge } = option
  const invoice = invoiceOf(option)
  const { amount } = invoice
  if (amount === undefined || amount === 0n) {
    // What leaves the amount to the payer asks for whatever the payer may spend.
    throw invoiceMismatch(invoice, 'amount', 'open', 'a fixed one')
  }
  const known = priceOf(option, amount)
  return { scheme, challenge, invoice, amount, ...(known && { price: known }) }
}

/**
 * Holds a prepayment against the buyer's node and limits, before anything is paid.
 * @throws StreamError `invoice-mismatch`, `offer-expired`, `price-too-high`, `unit-mismatch`, `risk-too-high`
 */
export function checkPrepayment(
  { challenge, invoice, amount, price: known }: Prepayment,
  { network, publicKey }: Pick<NodeInfo, 'network' | 'publicKey'>,
  { prices, maxRisk }: PrepaidLimits,
  nowMs: number,
): void {
  if (invoice.network !== network) throw invoiceMismatch(invoice, 'network', invoice.network, network)
  if (invoice.payee === publicKey) throw invoiceMismatch(invoice, 'payee', 'this node itself', 'another node')
  if ('id' in challenge && isExpired(challenge, nowMs)) {
    throw new StreamError('offer-expired', 'the seller sent a challenge that has expired')
  }
  const lifeMs = invoice.expiresAtMs - nowMs
  if (lifeMs < MINIMUM_LIFE_MS)
    throw invoiceMismatch(invoice, 'expiry', `in ${lifeMs} ms`, `at least ${MINIMUM_LIFE_MS} ms away`)
  const refusal = known && prices.length > 0 ? offerRefusal({ price: known }, prices) : undefined
  if (refusal)
    throw new StreamError(refusal, `the seller asks ${formatMsat(known!.msat)} for ${known!.per} ${known!.unit}`)
  if (amount > maxRisk) {
    throw new StreamError(
      'risk-too-high',
      `${formatMsat(amount)} would be paid before anything comes, and at most ${formatMsat(maxRisk)} may be`,
      { amount: `${amount}`, maxRisk: `${maxRisk}` },
    )
  }
}

function invoiceOf(option: PrepaidOption): DecodedInvoice {
  if (option.scheme === 'charge') return chargeInvoice(option.request)
  if (option.scheme === 'session') return depositInvoice(option.request)
  const invoice = decodeInvoice(option.challenge.invoice)
  const macaroon = macaroonOf(option.challenge)
  const identifier = macaroon && decodeIdentifier(macaroon.identifier)
  // Paying one invoice makes no token good that was minted for another.
  if (identifier && identifier.paymentHash !== invoice.paymentHash) {
    throw invoiceMismatch(invoice, 'paymentHash', invoice.paymentHash, identifier.paymentHash)
  }
  return invoice
}

/** Tokens are the seller's to read; some sellers use other forms, and then it tells nothing. */
function macaroonOf({ token }: L402Challenge): Macaroon | undefined {
  try {
    return parseMacaroon(token)
  } catch {
    return undefined
  }
}

/** What a unit costs, as far as the option says. */
function priceOf(option: PrepaidOption, amount: Msat): Price | undefined {
  if (option.scheme === 'charge') return price(amount, 1n, 'request')
  if (option.scheme === 'session') {
    const { amount: each, unitType = 'chunk' } = option.request
    return readUnit(each, unitType)
  }
  const allowances = (macaroonOf(option.challenge)?.caveats ?? []).flatMap((caveat) => {
    const allowance = readAllowance(/^[\w.-]+_allowance=(.*)$/.exec(caveat)?.[1] ?? '')
    return allowance && allowance.steps > 0n && allowance.steps < MAX_ALLOWANCE ? [allowance] : []
  })
  const last = allowances.at(-1)
  return last && price(amount, last.steps, last.unit)
}

/** "token", but also "1k tokens" or "MiB": sellers write it for people. `undefined` where it names no unit. */
function readUnit(each: Msat, unitType: string): Price | undefined {
  try {
    return parsePrice(`${each} msat/${unitType.toLowerCase()}`)
  } catch {
    return undefined
  }
}
