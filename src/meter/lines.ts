/** A part of a byte stream: one line with its line feed, or a cut of a line that is longer than the bound. */
export interface Line {
  readonly bytes: Uint8Array
  /** The line's text; `undefined` for each part of a line that was too long to be held. */
  readonly text: string | undefined
}

/** A line longer than this is passed on in parts: a bound on what the other side can make us hold. */
const MAX_LINE_BYTES = 1 << 20
const LF = 10

/** Cuts NDJSON into its lines without changing a byte: the `bytes` joined, `end()` included, are the input. */
export class LineSplitter {
  #parts: Uint8Array[] = []
  #held = 0
  #long = false
  readonly #decoder = new TextDecoder()

  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = []
    for (let start = 0; start < chunk.length; ) {
      const feed = chunk.indexOf(LF, start)
      const ending = feed === -1 ? chunk.length : feed + 1
      // Cut at a place that does not depend on how the bytes arrived, or seller and buyer would count differently.
      const end = Math.min(ending, start + MAX_LINE_BYTES - this.#held)
      const part = chunk.subarray(start, end)
      this.#parts.push(part)
      this.#held += part.length
      start = end
      if (feed !== -1 && end === feed + 1) lines.push(...this.#take(true))
      else if (this.#held === MAX_LINE_BYTES) lines.push(...this.#take(false))
    }
    return lines
  }

  /** The last line needs no line feed. */
  end(): Line[] {
    return this.#take(true)
  }

  #take(whole: boolean): Line[] {
    const long = this.#long || !whole
    this.#long = !whole
    const bytes = join(this.#parts, this.#held)
    this.#parts = []
    this.#held = 0
    if (bytes.length === 0) return []
    return [{ bytes, text: long ? undefined : this.#decoder.decode(bytes) }]
  }
}

/** One array of several; the only one is not copied. */
export function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.byteLength
  }
  return joined
}

/** One array of several. What lies side by side in memory, as what was cut from one chunk does, is not copied. */
export function together(parts: readonly Uint8Array[]): Uint8Array {
  const { buffer, byteOffset } = parts[0] ?? new Uint8Array(0)
  let end = byteOffset
  let adjoining = true
  let length = 0
  for (const part of parts) {
    adjoining &&= part.buffer === buffer && part.byteOffset === end
    end += part.byteLength
    length += part.byteLength
  }
  return adjoining ? new Uint8Array(buffer, byteOffset, length) : join(parts, length)
}
