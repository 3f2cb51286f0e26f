import { CODES, type ErrorCode, EXIT, isRetryable } from './codes.ts'
import { redact, redactCause } from './redact.ts'

/** Found on errors of every copy of this package that a program may have loaded. */
const BRAND = Symbol.for('streampay.StreamError')

/** What an error is as JSON: the same members wherever Stream writes one. */
export interface StreamErrorJson {
  readonly name: 'StreamError'
  readonly code: ErrorCode
  readonly message: string
  /** How to go on. */
  readonly hint: string
  readonly retryable: boolean
  /** Amounts are decimal strings of msat. */
  readonly details: Readonly<Record<string, string>>
}

/**
 * The only error that Stream throws at a public edge. Safe to log, cause and stack included: what may be a secret in a message, in
 * details or in a cause is left out when it is made.
 *
 * @example
 * try { await buyer.fetch(url) } catch (error) {
 *   if (StreamError.is(error) && error.retryable) …
 * }
 */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: ErrorCode
  /** What is needed to recover: amounts as decimal msat strings, hashes, counts. */
  readonly details: Readonly<Record<string, string>>

  /** As `instanceof`, and also true of an error of another copy of this package. */
  static is(error: unknown): error is StreamError {
    return error instanceof Error && BRAND in error
  }

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

  /** How to go on. */
  get hint(): string {
    return CODES[this.code].hint
  }

  /** The same call may go well later, with nothing changed, and repeating it pays nothing twice. Stable: it depends on the code alone. */
  get retryable(): boolean {
    return isRetryable(this.code)
  }

  /** What was paid on the agreement before it failed, in msat; `undefined` where nothing is known of any payment. */
  get paid(): bigint | undefined {
    return amountIn(this.details.paid)
  }

  /** What was received for it, as its cost in msat; `undefined` where nothing is known of any. */
  get received(): bigint | undefined {
    return amountIn(this.details.received)
  }

  get [BRAND](): true {
    return true
  }

  toJSON(): StreamErrorJson {
    const { name, code, message, hint, retryable, details } = this
    return { name, code, message, hint, retryable, details }
  }
}

const amountIn = (text = ''): bigint | undefined => (/^\d{1,19}$/.test(text) ? BigInt(text) : undefined)

/** `error` itself when it is one of ours, otherwise an `internal` error that carries it as its cause. */
export function toStreamError(error: unknown): StreamError {
  if (StreamError.is(error)) return error
  return new StreamError('internal', error instanceof Error ? error.message : String(error), {}, error)
}
