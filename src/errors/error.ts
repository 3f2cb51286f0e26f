import { CODES, type ErrorCode, EXIT } from './codes.ts'

/**
 * The only error that Stream throws at a public edge.
 *
 * @example
 * try { await buyer.fetch(url) } catch (error) {
 *   if (error instanceof StreamError && error.code === 'price-too-high') …
 * }
 */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: ErrorCode
  /** What is needed to recover: amounts as decimal msat strings, hashes, counts. Safe to log: never a secret. */
  readonly details: Readonly<Record<string, string>>

  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, string>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
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
