import { compareOptions, optionRecord } from '../buyer/offers/options.ts'
import { StreamError } from '../errors/error.ts'
import { formatMsat } from '../money/msat.ts'
import { formatAsked } from '../money/tariff.ts'
import { knownResponse } from '../seller/adapters/response.ts'
import type { Offer } from '../terms/terms.ts'
import { readChallenges } from '../wire/challenges.ts'
import { PROBLEM_TYPE, toProblem } from '../wire/problem.ts'

/** What a request would cost, in the place of what it would bring. What asks for nothing is handed on as it is. */
export async function dryAnswer(response: Response): Promise<Response> {
  if (response.status !== 402) return response
  const found = readChallenges(response.headers.get('www-authenticate') ?? '')
  const { asked } = compareOptions(found)
  const [first] = asked
  if (!first) return response
  await response.body?.cancel().catch(() => {})
  const offer = found.options.find((option) => option.scheme === 'stream')?.offer
  const price = offer ? `by use, at ${formatAsked(offer)}` : `first: ${formatMsat(first.ahead!)} by ${first.scheme}`
  const error = new StreamError('payment-required', `this would be paid ${price}; nothing was paid (--dry-run)`)
  const body = {
    ...toProblem(error),
    dryRun: true,
    ...(offer && termsOf(offer)),
    offers: asked.map(optionRecord),
  }
  return knownResponse(JSON.stringify(body), { status: 402, headers: { 'content-type': PROBLEM_TYPE } })
}

const termsOf = (offer: Offer) => ({
  price: formatAsked(offer),
  unit: offer.price.unit,
  amount: `${offer.price.msat}`,
  per: `${offer.price.per}`,
  credit: `${offer.credit.start}`,
  smallestPayment: `${offer.smallestPayment}`,
  negotiable: offer.negotiable,
  network: offer.network,
  payee: offer.payee,
})
