import { CODES, type ErrorCode, EXIT } from './codes.ts'
import { redact, redactCause } from './redact.ts'

/**
 * The only error that Stream throws at a public edge. Safe to log, cause and stack included: what may be a secret in a message, in
 * details or in a cause is left out when it is made.
 *
 * @example
 * try { await buyer.fetch(url) } catch (error) {
 *   if (error instanceof StreamError && error.code === 'price-too-high') …
 * }
 */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: ErrorCode
  /** What is needed to recover: amounts as decimal msat strings, hashes, counts. */
  readonly details: Readonly<Record<string, string>>

  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, string>> = {}, cause?: unknown) {
    const known = details.paymentHash === undefined ? [] : [details.paymentHash]
    super(redact(message, known), cause === undefined ? undefined : { cause: redactCause(cause, known) })
    this.code = code
    this.details = Object.fromEntries(Object.entries(details).map(([name, value]) => [name, redact(value, known)]))
  }

  /** HTTP status for a seller's answer. */
  get status(): number {
    return CODES[this.code].status
  }

  /** Exit code for a command. */
  get exitCode(): number {
    return EXIT[CODES[this.code].exit]
  }

  get hint(): string {
    return CODES[this.code].hint
  }
}

/** `error` itself when it is one of ours, otherwise an `internal` error that carries it as its cause. */
export function toStreamError(error: unknown): StreamError {
  if (error instanceof StreamError) return error
  return new StreamError('internal', error instanceof Error ? error.message : String(error), {}, error)
}
