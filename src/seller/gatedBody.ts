import type { Counter, Piece } from '../meter/counter.ts'
import { together } from '../meter/lines.ts'
import type { Charging } from './charging.ts'
import type { Hold } from './hold.ts'

/** What is covered leaves in chunks of at most so many bytes, or of one piece: what a reader that leaves has not read is charged. */
const CHUNK_BYTES = 64 << 10
const ONE = 1n

/** What of one body was counted and has not left. Invariant: whatever is taken out of here was reserved before. */
export class GatedBody {
  readonly #counter: Counter
  readonly #charging: Charging
  readonly #hold: Hold
  #pieces: Piece[] = []
  /** Those before have left. */
  #at = 0
  #left = false

  constructor(counter: Counter, charging: Charging, hold: Hold) {
    this.#counter = counter
    this.#charging = charging
    this.#hold = hold
  }

  get isEmpty(): boolean {
    return this.#at === this.#pieces.length
  }

  /** Takes the next chunk of the source, once everything before has left. */
  push(chunk: Uint8Array): void {
    this.#pieces = this.#counter.push(chunk)
    this.#at = 0
  }

  end(): void {
    this.#pieces = this.#counter.end()
    this.#at = 0
  }

  /**
   * Waits until the next piece is covered, and takes it with all that is covered with it: many small events are one look at the gate,
   * one lease and one write to the socket.
   * @throws StreamError `grace-exceeded`, `ledger-failed`, or the reason of the signal
   */
  async take(): Promise<Uint8Array> {
    const [count, steps] = this.#run()
    if (count === 0) return this.#takeOne()
    if (steps === 0n || this.#charging.tryOutput(steps)) return this.#takeOut(count)
    const free = this.#free(count)
    if (free > 0) return this.#takeOut(free)
    const first = this.#pieces[this.#at]!
    if (first.divisible) return this.#takeOne()
    const granted = await this.#charging.output(steps, first.steps)
    const [fits, used] = this.#fitting(count, granted)
    // A part of a piece is of no use. What was granted to a request that is over was given back whole.
    if (granted > used && !this.#hold.over) this.#charging.takeBack(granted - used)
    return this.#takeOut(fits)
  }

  /** How many pieces that only count on may leave as one chunk, and their steps. */
  #run(): [count: number, steps: bigint] {
    let [count, steps, bytes] = [0, 0n, 0]
    for (let piece = this.#pieces[this.#at]; piece && isPlain(piece); piece = this.#pieces[this.#at + count]) {
      bytes += piece.bytes.byteLength
      if (count > 0 && bytes > CHUNK_BYTES) break
      steps += piece.steps
      count++
    }
    return [count, steps]
  }

  /** How many of the next pieces count nothing: they wait for nothing. */
  #free(count: number): number {
    let free = 0
    while (free < count && this.#pieces[this.#at + free]!.steps === 0n) free++
    return free
  }

  #fitting(count: number, granted: bigint): [fits: number, used: bigint] {
    let [fits, used] = [0, 0n]
    while (fits < count && used + this.#pieces[this.#at + fits]!.steps <= granted) {
      used += this.#pieces[this.#at + fits]!.steps
      fits++
    }
    return [fits, used]
  }

  #takeOut(count: number): Uint8Array {
    const parts: Uint8Array[] = []
    for (const end = this.#at + count; this.#at < end; this.#at++) parts.push(this.#pieces[this.#at]!.bytes)
    this.#left = true
    return together(parts)
  }

  /** A piece that also corrects what was counted, tells of the prompt, or is cut where the cover ends. */
  async #takeOne(): Promise<Uint8Array> {
    const { bytes, steps, divisible, prompt, owed } = this.#pieces[this.#at]!
    if (prompt !== undefined) await this.#charging.prompt(prompt, this.#left)
    if (steps > 0n) {
      const granted = await this.#charging.output(steps, divisible ? ONE : steps)
      if (granted < steps) {
        const cut = Number(granted)
        this.#pieces[this.#at] = { bytes: bytes.subarray(cut), steps: steps - granted, divisible }
        this.#left = true
        return bytes.subarray(0, cut)
      }
    } else if (steps < 0n) this.#charging.takeBack(-steps)
    // A final count above ours is for what has left already.
    if (owed) await this.#charging.owed(owed)
    return this.#takeOut(1)
  }
}

const isPlain = ({ steps, prompt, owed }: Piece): boolean => steps >= 0n && prompt === undefined && !owed
