import type { LightningNode, NodeIdentity, PaymentOutcome } from '../../lightning/node.ts'

/** How the journal names who was asked to pay: only that wallet knows what became of a payment. */
export const payerOf = ({ account, publicKey }: NodeIdentity): string => account ?? publicKey

type Final = Extract<PaymentOutcome, { readonly status: 'settled' | 'failed' }>

/** A payment whose end is not known. `createdAtMs` if an earlier run wrote it, which may have ended before it was sent. */
export interface FollowedPayment {
  readonly paymentHash: string
  readonly createdAtMs?: number
}

/** How often a payment is asked after, and when asking starts to take longer. */
const FOLLOW_MS = { first: 250, last: 15_000 }
/** How long the node's answers are waited for at the end. */
const ANSWER_MS = 1000

/**
 * How long after a payment was written the node's "never heard of it" is believed. A request that was on its way when its process
 * was killed has arrived by then, or never will.
 */
const ARRIVES_WITHIN_MS = 10_000

/**
 * How a payment ended, if the node knows by now. A node that cannot be asked knows nothing: `undefined`, and the payment counts on.
 *
 * A payment that an earlier run had written may never have been sent. Then the node has never heard of it, which is final too, since no
 * payment is sent without having been written in that same run.
 */
export async function finalOutcome(
  node: Pick<LightningNode, 'lookupPayment'>,
  { paymentHash, createdAtMs }: FollowedPayment,
): Promise<Final | undefined> {
  let outcome: PaymentOutcome | undefined
  try {
    outcome = await node.lookupPayment(paymentHash)
  } catch {
    return undefined
  }
  if (outcome?.status === 'settled' || outcome?.status === 'failed') return outcome
  const isOld = createdAtMs !== undefined && Math.abs(Date.now() - createdAtMs) > ARRIVES_WITHIN_MS
  return outcome === undefined && isOld ? NEVER_SENT : undefined
}

const NEVER_SENT: Final = { status: 'failed', reason: 'payment-failed', detail: 'it was never sent' }

/** Asks a node after one payment until it knows, or the time is up: then `pending`. */
export async function followFor(
  node: Pick<LightningNode, 'lookupPayment'>,
  payment: FollowedPayment,
  timeoutMs: number,
): Promise<PaymentOutcome> {
  const follower = new Follower(node)
  const timer = setTimeout(() => follower.end(), timeoutMs)
  try {
    return await follower.outcomeOf(payment)
  } finally {
    clearTimeout(timer)
    follower.end()
  }
}

/** Asks a node after payments of unknown outcome, each until it knows. */
export class Follower {
  readonly #node: Pick<LightningNode, 'lookupPayment'>
  /** Ends the pauses of those that wait to ask again. */
  readonly #pauses = new Set<() => void>()
  #following = 0
  #ended = false

  constructor(node: Pick<LightningNode, 'lookupPayment'>) {
    this.#node = node
  }

  /**
   * How it ended; `pending` if the following is ended before the node knows.
   *
   * A node that was killed while it was asked to pay may never have heard of it either. One answer is not enough for that: a node that
   * stood still may hold the request yet. What it still has not heard of a while after it first said so was never sent.
   */
  async outcomeOf(payment: FollowedPayment): Promise<PaymentOutcome> {
    let missingSinceMs: number | undefined
    const asked = {
      lookupPayment: async (hash: string) => {
        const outcome = await this.#node.lookupPayment(hash)
        missingSinceMs = outcome === undefined ? (missingSinceMs ?? Date.now()) : undefined
        return outcome
      },
    }
    this.#following++
    try {
      for (let pauseMs: number = FOLLOW_MS.first; ; pauseMs = Math.min(pauseMs * 2, FOLLOW_MS.last)) {
        await this.#pause(pauseMs)
        if (this.#ended) return { status: 'pending' }
        const createdAtMs = payment.createdAtMs ?? missingSinceMs
        const outcome = await finalOutcome(asked, {
          paymentHash: payment.paymentHash,
          ...(createdAtMs !== undefined && { createdAtMs }),
        })
        if (outcome) return outcome
      }
    } finally {
      this.#following--
    }
  }

  /** Asks after all of them at once, and waits a moment for what the node says. */
  async askNow(): Promise<void> {
    for (const wake of [...this.#pauses]) wake()
    for (const untilMs = performance.now() + ANSWER_MS; this.#following > 0 && performance.now() < untilMs; ) {
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS / 20))
    }
  }

  /** Nobody waits any more. */
  end(): void {
    this.#ended = true
    for (const wake of [...this.#pauses]) wake()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#pauses.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.#pauses.add(wake)
    })
  }
}
