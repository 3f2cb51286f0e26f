import type { Unit } from '../money/price.ts'
import { SseSplitter } from './sse.ts'
import { readTokenEvent, tokensOfBody, tokensOfBytes } from './tokens.ts'

/** A part of a body, and what it counts. */
export interface Piece {
  readonly bytes: Uint8Array
  /** Steps that these bytes add; negative where a final count corrects what was counted before. */
  readonly steps: bigint
  /** The bytes are the steps: the piece may be cut anywhere. */
  readonly divisible: boolean
  /** Steps for what has left already (a final count above what was counted): they cannot hold these bytes back. */
  readonly owed?: bigint
}

/**
 * Counts one response body. The seller sends the pieces as they come and are covered; the buyer counts the same pieces
 * as it reads. Pieces joined are the body, byte for byte.
 */
export interface Counter {
  push(chunk: Uint8Array): Piece[]
  end(): Piece[]
}

/** A JSON body larger than this is counted by its bytes: a bound on what is held to read its usage. */
const MAX_HELD_BYTES = 8 << 20
/** Text is cut this small, so that no piece needs a large window. */
const SLICE_BYTES = 64
const uncounted = (bytes: Uint8Array): Piece => ({ bytes, steps: 0n, divisible: false })

/**
 * The counter for bodies of `contentType` sold by `unit`; `undefined` where the body itself does not count
 * (requests, seconds, the seller's own units).
 */
export function counterFor(unit: Unit, contentType: string | null): Counter | undefined {
  if (unit === 'byte') return byteCounter
  if (unit !== 'token') return undefined
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type === 'text/event-stream') return new EventTokenCounter()
  return type === 'application/json' ? new JsonTokenCounter() : new TextTokenCounter()
}

const byteCounter: Counter = {
  push: (bytes) => [{ bytes, steps: BigInt(bytes.byteLength), divisible: true }],
  end: () => [],
}

/** One token an event with content; the stream's own `usage` replaces the count when it comes. */
class EventTokenCounter implements Counter {
  readonly #splitter = new SseSplitter()
  #counted = 0n

  push(chunk: Uint8Array): Piece[] {
    return this.#splitter.push(chunk).map(({ bytes, data }) => {
      const event = readTokenEvent(data)
      const steps = event.generated ? 1n : 0n
      const correction = event.usage === undefined ? 0n : event.usage - (this.#counted + steps)
      this.#counted += steps + correction
      return correction > 0n
        ? { bytes, steps, divisible: false, owed: correction }
        : { bytes, steps: steps + correction, divisible: false }
    })
  }

  end(): Piece[] {
    const rest = this.#splitter.end()
    return rest.length === 0 ? [] : [uncounted(rest)]
  }
}

/** Holds a JSON body until its usage can be read: it is one piece. */
class JsonTokenCounter implements Counter {
  #held: Uint8Array[] = []
  #bytes = 0
  #overflow: TextTokenCounter | undefined

  push(chunk: Uint8Array): Piece[] {
    if (this.#overflow) return this.#overflow.push(chunk)
    this.#held.push(chunk)
    this.#bytes += chunk.byteLength
    if (this.#bytes <= MAX_HELD_BYTES) return []
    this.#overflow = new TextTokenCounter()
    return this.#overflow.push(this.#take())
  }

  end(): Piece[] {
    if (this.#overflow || this.#bytes === 0) return []
    const bytes = this.#take()
    return [{ bytes, steps: tokensOfBody(bytes), divisible: false }]
  }

  #take(): Uint8Array {
    const joined = new Uint8Array(this.#bytes)
    let at = 0
    for (const part of this.#held) {
      joined.set(part, at)
      at += part.byteLength
    }
    this.#held = []
    return joined
  }
}

/** Any other body: by its bytes, on the running total. */
class TextTokenCounter implements Counter {
  #bytes = 0n

  push(chunk: Uint8Array): Piece[] {
    const pieces: Piece[] = []
    for (let at = 0; at < chunk.byteLength; at += SLICE_BYTES) {
      const bytes = chunk.subarray(at, at + SLICE_BYTES)
      const before = tokensOfBytes(this.#bytes)
      this.#bytes += BigInt(bytes.byteLength)
      pieces.push({ bytes, steps: tokensOfBytes(this.#bytes) - before, divisible: false })
    }
    return pieces
  }

  end(): Piece[] {
    return []
  }
}
