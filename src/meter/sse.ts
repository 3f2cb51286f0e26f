/** One server-sent event: its exact bytes, the blank line included, and its joined `data`. */
export interface SseEvent {
  readonly bytes: Uint8Array
  /** `undefined` for each part of an event that was too long to be held. */
  readonly data: string | undefined
}

/** An event longer than this is passed on unparsed, cut here: a bound on what the other side can make us hold. */
const MAX_EVENT_BYTES = 1 << 20
const LF = 10
const CR = 13

/**
 * Cuts a byte stream into server-sent events (WHATWG HTML, "Server-sent events") without changing a byte: the events'
 * `bytes` joined, and then `end()`, are the input.
 */
export class SseSplitter {
  #held: Uint8Array = new Uint8Array(0)
  /** What is held is the rest of an event that was too long. */
  #long = false
  readonly #decoder = new TextDecoder()

  push(chunk: Uint8Array): SseEvent[] {
    const bytes = this.#held.length === 0 ? chunk : concat(this.#held, chunk)
    const events: SseEvent[] = []
    let start = 0
    // Only the new part can complete an event; three bytes back, in case a blank line is cut in the middle.
    for (let at = Math.max(0, this.#held.length - 3); at < bytes.length; at++) {
      if (endsBlankLine(bytes, at, start)) events.push(this.#event(bytes.subarray(start, at + 1)))
      // Cut at a place that does not depend on how the bytes arrived, or seller and buyer would count differently.
      else if (at + 1 - start === MAX_EVENT_BYTES) {
        events.push({ bytes: bytes.subarray(start, at + 1), data: undefined })
        this.#long = true
      } else continue
      start = at + 1
    }
    this.#held = bytes.subarray(start)
    return events
  }

  /** What was left unfinished; browsers drop it, so it has no data, but its bytes are passed on. */
  end(): SseEvent {
    const rest = { bytes: this.#held, data: this.#long ? undefined : '' }
    this.#held = new Uint8Array(0)
    return rest
  }

  #event(bytes: Uint8Array): SseEvent {
    if (this.#long) {
      this.#long = false
      return { bytes, data: undefined }
    }
    const data = this.#decoder
      .decode(bytes)
      .split(/\r\n|\n|\r/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(line.startsWith('data: ') ? 6 : 5))
    return { bytes, data: data.join('\n') }
  }
}

/** Whether the line end at `at` completes a blank line of the event that began at `start`. */
function endsBlankLine(bytes: Uint8Array, at: number, start: number): boolean {
  const byte = bytes[at]
  if (byte === CR) return at > start && bytes[at - 1] === CR
  if (byte !== LF || at === start) return false
  return bytes[at - 1] === LF || (at - 2 >= start && bytes[at - 1] === CR && bytes[at - 2] === LF)
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
