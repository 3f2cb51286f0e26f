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
    const ends = new LineEnds(bytes, Math.max(0, this.#held.length - 3))
    for (;;) {
      const at = ends.next()
      // Cut at a place that does not depend on how the bytes arrived, or seller and buyer would count differently.
      for (; at - start >= MAX_EVENT_BYTES; start += MAX_EVENT_BYTES) {
        events.push({ bytes: bytes.subarray(start, start + MAX_EVENT_BYTES), data: undefined })
        this.#long = true
      }
      if (at === bytes.length) break
      if (!endsBlankLine(bytes, at, start)) continue
      events.push(this.#event(bytes.subarray(start, at + 1)))
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
    return { bytes, data: dataOf(this.#decoder.decode(bytes)) }
  }
}

function dataOf(event: string): string {
  // Nearly every event is one line: the expression below takes three times as long for it.
  if (event.startsWith('data: ') && event.indexOf('\n') === event.length - 2 && !event.includes('\r')) {
    return event.slice(6, -2)
  }
  return event
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(line.startsWith('data: ') ? 6 : 5))
    .join('\n')
}

/**
 * Where lines end, one place after another, and at last the length. The platform looks for them: with a look at every byte an event of
 * 190 bytes took 1.1 µs, and takes 0.3 µs.
 */
class LineEnds {
  readonly #bytes: Uint8Array
  #feed: number
  #return: number

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes
    this.#feed = this.#find(LF, from)
    this.#return = this.#find(CR, from)
  }

  next(): number {
    const at = Math.min(this.#feed, this.#return)
    if (at === this.#feed) this.#feed = this.#find(LF, at + 1)
    else this.#return = this.#find(CR, at + 1)
    return at
  }

  #find(byte: number, from: number): number {
    const at = this.#bytes.indexOf(byte, from)
    return at === -1 ? this.#bytes.length : at
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
