/** Lets through so many at once, in the order they came, and none while it is shut. */
export class Turnstile {
  readonly #limit: number
  #inside = 0
  #shut: boolean
  readonly #queue: (() => void)[] = []

  constructor(limit: number, shut: boolean) {
    this.#limit = limit
    this.#shut = shut
  }

  /** Resolves when there is room. Every `enter` is paid back with one `leave`. */
  async enter(): Promise<void> {
    if (this.#isOpen && this.#queue.length === 0) this.#inside++
    else await new Promise<void>((resolve) => this.#queue.push(resolve))
  }

  /** Takes a place without waiting for one. */
  enterAtOnce(): void {
    this.#inside++
  }

  leave(): void {
    this.#inside--
    this.#admit()
  }

  shut(shut: boolean): void {
    this.#shut = shut
    this.#admit()
  }

  get #isOpen(): boolean {
    return !this.#shut && this.#inside < this.#limit
  }

  #admit(): void {
    while (this.#isOpen && this.#queue.length > 0) {
      this.#inside++
      this.#queue.shift()!()
    }
  }
}
