import { WorkClock } from '../meter/clock.ts'
import type { Charging } from './charging.ts'
import type { Holder } from './hold.ts'

/** Work is paid for in slices of this many milliseconds, reserved before it is done. */
const SLICE_MS = 100n
const ONE = 1n

/** The seller's work on one request, where time is what is sold: its clock stops while the gate is shut. */
export class TimedWork {
  readonly #charging: Charging
  readonly #holder: Holder
  readonly #clock = new WorkClock()

  constructor(charging: Charging, holder: Holder) {
    this.#charging = charging
    this.#holder = holder
  }

  /** Waits until the first slice is covered. */
  async begin(graceMs?: number): Promise<void> {
    await this.#charging.output(SLICE_MS, ONE, graceMs)
  }

  /** Runs a piece of work on the clock. */
  async run<T>(task: Promise<T>): Promise<T> {
    const clock = this.#clock
    let done = false
    const settled = task.then(
      () => {
        done = true
      },
      () => {
        done = true
      },
    )
    try {
      while (!done) {
        const left = this.#charging.outputSteps - clock.workedMs
        if (left <= 0n) {
          clock.stop()
          await this.begin()
          continue
        }
        clock.start()
        await within(settled, Number(left), this.#holder.signal)
      }
    } finally {
      clock.stop()
    }
    const over = clock.workedMs - this.#charging.outputSteps
    if (over > 0n) await this.#charging.output(over, over)
    return task
  }

  /** Work that was reserved and not done is given back. */
  end(): void {
    const unused = this.#charging.outputSteps - this.#clock.workedMs
    if (unused > 0n) this.#charging.takeBack(unused)
  }
}

/** Resolves when `task` has settled or `ms` have passed; rejects when the signal aborts. Leaves no timer behind. */
function within(task: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      settle()
    }
    const abort = () => end(() => reject(signal.reason))
    const timer = setTimeout(() => end(resolve), ms)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    void task.then(() => end(resolve))
  })
}
