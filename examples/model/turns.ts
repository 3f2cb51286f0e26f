import { RequestError } from './chatRequest.ts'

/** Lets one request at a time use the model; a few wait their turn, and the rest are sent away at once. */
export class Turns {
  readonly #maxWaiting: number
  #busy = false
  #waiting: (() => void)[] = []

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
  }

  get busy(): boolean {
    return this.#busy
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Resolves when it is this request's turn, to the function that ends the turn (calling it again does nothing).
   * @throws RequestError 503 when too many wait; the signal's reason when it aborts first
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#busy) await this.#queue(signal)
    this.#busy = true
    let over = false
    return () => {
      if (over) return
      over = true
      const next = this.#waiting.shift()
      // Handed over without ever being free, so that nobody slips in between.
      if (next) next()
      else this.#busy = false
    }
  }

  #queue(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) throw new RequestError(503, 'overloaded_error', 'the model is busy')
    return new Promise((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const abort = () => {
        this.#waiting = this.#waiting.filter((other) => other !== start)
        reject(signal.reason)
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(start)
    })
  }
}
