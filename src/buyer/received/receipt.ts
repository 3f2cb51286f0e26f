import type { Msat } from '../../money/msat.ts'

/** One request of a trade, as the buyer counts it. */
export interface Receipt {
  /** When the request was sent, monotonic ms; the buyer's clock for what is sold by the second. */
  readonly startedAtMs: number
  endedAtMs: number | undefined
  /** Cost of all that was received before it. */
  readonly costBefore: Msat
  /** Bytes of the request's body. */
  readonly sent: bigint
  /** Steps counted in what was read, of what the answer is counted in. */
  steps: bigint
  /** Tokens of the prompt, as the answer says. */
  prompt: bigint | undefined
  /** Steps that the whole answer has, where that is known. */
  expected: bigint | undefined
  answered: boolean
  /** Not read to its end: the seller may have sent more than was received. */
  cut: boolean
  bytes: number
}
