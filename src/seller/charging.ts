import { StreamError } from '../errors/error.ts'
import type { Msat } from '../money/msat.ts'
import type { Hold } from './hold.ts'

const ONE = 1n

/** Turns what a request counts into steps of its agreement, and sees them reserved before anything leaves. */
export interface Charging {
  /** What must be covered before any work is done, in steps of the agreement; zero where only what leaves counts. */
  readonly opening: bigint
  /** Steps of the answer's own unit that are reserved. */
  readonly outputSteps: bigint
  /** Reserves as many steps of the answer as are covered, once there are `least`. Returns how many. */
  output(steps: bigint, least: bigint, graceMs?: number): Promise<bigint>
  /** As `output` for all of them, where neither money nor the ledger has to be waited for; `false` if they have to. */
  tryOutput(steps: bigint): boolean
  /** Steps of the answer that are not charged after all. */
  takeBack(steps: bigint): void
  /** Steps of what has left already. */
  owed(steps: bigint): Promise<void>
  /** The prompt has so many tokens. @param late whether something of the answer has left already */
  prompt(tokens: bigint, late: boolean): Promise<void>
  /** Reserves for so many bytes of the request's body; returns for how many, and waits for the first. */
  upload(bytes: bigint): Promise<bigint>
  charge(amount: Msat): Promise<void>
  owe(amount: Msat): Promise<void>
}

/** What is sold by one price: a step of the answer is a step of the agreement. */
export class PlainCharging implements Charging {
  readonly #hold: Hold
  readonly opening: bigint

  constructor(hold: Hold, isRequest: boolean) {
    this.#hold = hold
    this.opening = isRequest ? ONE : 0n
  }

  get outputSteps(): bigint {
    return this.#hold.steps
  }

  output(steps: bigint, least: bigint, graceMs?: number): Promise<bigint> {
    return this.#hold.reserve(steps, least, graceMs)
  }

  tryOutput(steps: bigint): boolean {
    return !this.#hold.over && this.#hold.tryReserve(steps, steps) > 0n
  }

  takeBack(steps: bigint): void {
    this.#hold.release(steps)
  }

  async owed(steps: bigint): Promise<void> {
    await this.#hold.collect(steps)
  }

  async prompt(): Promise<void> {}

  async upload(bytes: bigint): Promise<bigint> {
    return bytes
  }

  async charge(): Promise<void> {
    throw noExtra()
  }

  async owe(): Promise<void> {
    throw noExtra()
  }
}

export const noExtra = (): StreamError =>
  new StreamError('option-invalid', 'nothing may be added to this request: its price is no tariff with "extra"')
