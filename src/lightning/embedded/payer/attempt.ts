import type * as ldk from 'lightningdevkit'
import type { PaymentFailure, PaymentOutcome } from '../../node.ts'

export type Final = Extract<PaymentOutcome, { readonly status: 'settled' | 'failed' }>
export type Failed = Extract<PaymentOutcome, { readonly status: 'failed' }>

export const failed = (reason: PaymentFailure, detail: string): Failed => ({ status: 'failed', reason, detail })

/** One payment on its way, from the first call until the last word on it is on disk. */
export class Attempt {
  readonly paymentHash: string
  readonly done: Promise<Final>
  /** LDK was asked to send and has not had its last word. */
  inFlight = false
  /** The caller's time is up: nothing more is started. */
  expired = false
  /** Its failure is decided. */
  concluded = false
  readonly #resolve: (outcome: Final) => void
  #heard: ((reason: ldk.PaymentFailureReason | undefined) => void) | undefined

  constructor(paymentHash: string) {
    const { promise, resolve } = Promise.withResolvers<Final>()
    this.paymentHash = paymentHash
    this.done = promise
    this.#resolve = resolve
  }

  /** Resolves when LDK gives up, and never if it succeeds: that is told by `done`. */
  givenUp(): Promise<ldk.PaymentFailureReason | undefined> {
    return new Promise((resolve) => {
      this.#heard = resolve
    })
  }

  giveUp(reason: ldk.PaymentFailureReason | undefined): void {
    this.#heard?.(reason)
    this.#heard = undefined
  }

  finish(outcome: Final): void {
    this.#resolve(outcome)
  }
}
