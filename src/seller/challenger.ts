import { CODES } from '../errors/codes.ts'
import { StreamError } from '../errors/error.ts'
import type { Offer } from '../terms/terms.ts'
import { type Challenge, type CredentialHeader, createChallenge, PAYMENT_AUTHORIZATION } from '../wire/challenge.ts'
import { formatChallenge } from '../wire/header.ts'
import { PROBLEM_TYPE, toProblem } from '../wire/problem.ts'
import { knownResponse } from './adapters/response.ts'

export interface ChallengerOptions {
  readonly secret: Uint8Array
  readonly realm: string
  readonly lifeMs: number
  readonly description?: string | undefined
}

interface Cached {
  readonly offer: Offer
  readonly untilMs: number
  readonly challenge: string
  readonly body: string
}

/** When a node or a disk that fails is worth asking again. */
const TROUBLE_SECONDS = '5'
/** A 402 that is answered this often from one HMAC: its `expires` moves in whole seconds anyway. */
const REUSE_MS = 1000

/**
 * Makes the 402s of one resource. A challenge binds an offer by HMAC alone: no invoice, no write, no call to the node, so a flood
 * of strangers costs a header each.
 */
export class Challenger {
  readonly #options: ChallengerOptions
  readonly #cached = new Map<CredentialHeader, Cached>()

  constructor(options: ChallengerOptions) {
    this.#options = options
  }

  challenge(offer: Offer, nowMs: number, header: CredentialHeader): Challenge {
    const { secret, realm, lifeMs, description } = this.#options
    const expiresAtMs = Math.ceil((nowMs + lifeMs) / REUSE_MS) * REUSE_MS
    const more = {
      ...(description !== undefined && { description }),
      ...(header === PAYMENT_AUTHORIZATION && { header }),
    }
    return createChallenge({ secret, realm, offer, expiresAtMs, ...more })
  }

  get description(): string | undefined {
    return this.#options.description
  }

  /** The answer to a request without a credential. */
  paymentRequired(offer: Offer, nowMs: number, header: CredentialHeader): Response {
    const { body, challenge } = this.#current(offer, nowMs, header)
    return refusal(402, body, challenge)
  }

  /** The challenge of a request without a credential, as WWW-Authenticate has it. */
  text(offer: Offer, nowMs: number, header: CredentialHeader): string {
    return this.#current(offer, nowMs, header).challenge
  }

  #current(offer: Offer, nowMs: number, header: CredentialHeader): Cached {
    const cached = this.#cached.get(header)
    if (cached && cached.offer === offer && nowMs < cached.untilMs) return cached
    const current = {
      offer,
      untilMs: nowMs + REUSE_MS,
      challenge: formatChallenge(this.challenge(offer, nowMs, header)),
      body: JSON.stringify(toProblem(paymentRequired())),
    }
    this.#cached.set(header, current)
    return current
  }

  /** The answer to a credential that does not do: the problem, and a fresh challenge where paying can mend it. */
  problem(error: StreamError, offer: Offer, nowMs: number, header: CredentialHeader): Response {
    const challenge = error.status === 402 ? formatChallenge(this.challenge(offer, nowMs, header)) : undefined
    return refusal(error.status, JSON.stringify(toProblem(error)), challenge, error.details.retryAfter)
  }
}

export const paymentRequired = (): StreamError =>
  new StreamError('payment-required', `This resource is paid for by use. ${CODES['payment-required'].hint}`)

export function refusal(status: number, body: string, challenge?: string, retryAfter?: string): Response {
  const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' }
  if (challenge !== undefined) headers['www-authenticate'] = challenge
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter
  else if (status === 503) headers['retry-after'] = TROUBLE_SECONDS
  return knownResponse(body, { status, headers })
}
