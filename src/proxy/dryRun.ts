import { streamChallenge } from '../buyer/trade/control.ts'
import { StreamError } from '../errors/error.ts'
import { formatAsked } from '../money/tariff.ts'
import { knownResponse } from '../seller/adapters/response.ts'
import { decodeOffer } from '../wire/offer.ts'
import { PROBLEM_TYPE, toProblem } from '../wire/problem.ts'

/** What a request would cost, in the place of what it would bring. What asks for nothing is handed on as it is. */
export async function dryAnswer(response: Response): Promise<Response> {
  const challenge = streamChallenge(response)
  if (!challenge) return response
  await response.body?.cancel().catch(() => {})
  const offer = decodeOffer(challenge.request)
  const { price, credit, smallestPayment, network, payee, negotiable } = offer
  const asked = formatAsked(offer)
  const error = new StreamError(
    'payment-required',
    `this would be paid by use, at ${asked}; nothing was paid (--dry-run)`,
  )
  const body = {
    ...toProblem(error),
    dryRun: true,
    price: asked,
    unit: price.unit,
    amount: `${price.msat}`,
    per: `${price.per}`,
    credit: `${credit.start}`,
    smallestPayment: `${smallestPayment}`,
    negotiable,
    network,
    payee,
  }
  return knownResponse(JSON.stringify(body), { status: 402, headers: { 'content-type': PROBLEM_TYPE } })
}
