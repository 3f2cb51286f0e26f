import type { Unit } from '../money/price.ts'
import { join, LineSplitter } from './lines.ts'
import { SseSplitter } from './sse.ts'
import { outputTokensOfBody, readTokenEvent, tokensOfBody, tokensOfBytes } from './tokens.ts'

/** A part of a body, and what it counts. */
export interface Piece {
  readonly bytes: Uint8Array
  /** Steps that these bytes add; negative where a final count corrects what was counted before. */
  readonly steps: bigint
  /** The bytes are the steps: the piece may be cut anywhere. */
  readonly divisible: boolean
  /** Steps for what has left already (a final count above what was counted): they cannot hold these bytes back. */
  readonly owed?: bigint
  /** Tokens of the prompt, where these bytes tell them; the last word holds. */
  readonly prompt?: bigint
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
  // Without the header that says how long it plays, it counts nothing.
  if (unit === 'play-second') return uncountedCounter
  if (unit !== 'token') return undefined
  return tokenCounter(mediaType(contentType), tokensOfBody)
}

/**
 * The counter for tokens of the answer alone, where the input has a price of its own: embeddings count nothing here.
 */
export const outputTokenCounter = (contentType: string | null): Counter =>
  tokenCounter(mediaType(contentType), outputTokensOfBody)

const mediaType = (contentType: string | null): string => (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()

const LINES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/json-lines']

function tokenCounter(type: string, ofBody: typeof tokensOfBody): Counter {
  if (type === 'text/event-stream') return new EventTokenCounter()
  if (LINES.includes(type)) return new LineTokenCounter()
  return type === 'application/json' ? new JsonTokenCounter(ofBody) : new TextTokenCounter()
}

const uncountedCounter: Counter = { push: (bytes) => [uncounted(bytes)], end: () => [] }

const byteCounter: Counter = {
  push: (bytes) => [{ bytes, steps: BigInt(bytes.byteLength), divisible: true }],
  end: () => [],
}

/** One token for each event or line with content; the stream's own usage replaces the count when it comes. */
class RunningTokens {
  #counted = 0n
  readonly #text = new TextTokenCounter()

  read(bytes: Uint8Array, data: string): Piece {
    const event = readTokenEvent(data)
    const steps = event.generated ? 1n : 0n
    const before = this.#counted + steps
    // A stream with content whose usage is nothing was generated all the same.
    const usage = event.usage === 0n ? undefined : event.usage
    const correction = usage === undefined ? 0n : usage - before
    this.#counted = before + correction
    const prompt = event.prompt === undefined ? {} : { prompt: event.prompt }
    return correction > 0n
      ? { bytes, steps, divisible: false, owed: correction, ...prompt }
      : { bytes, steps: steps + correction, divisible: false, ...prompt }
  }

  /** What is too long to be read is counted by its bytes. */
  unread(bytes: Uint8Array): Piece[] {
    const pieces = this.#text.push(bytes)
    for (const { steps } of pieces) this.#counted += steps
    return pieces
  }
}

class EventTokenCounter implements Counter {
  readonly #splitter = new SseSplitter()
  readonly #tokens = new RunningTokens()

  push(chunk: Uint8Array): Piece[] {
    return this.#splitter
      .push(chunk)
      .flatMap(({ bytes, data }) =>
        data === undefined ? this.#tokens.unread(bytes) : [this.#tokens.read(bytes, data)],
      )
  }

  end(): Piece[] {
    const { bytes, data } = this.#splitter.end()
    if (bytes.length === 0) return []
    return data === undefined ? this.#tokens.unread(bytes) : [uncounted(bytes)]
  }
}

/** Ollama's way: a JSON object a line, its counts in the line that is `done`. */
class LineTokenCounter implements Counter {
  readonly #splitter = new LineSplitter()
  readonly #tokens = new RunningTokens()

  push(chunk: Uint8Array): Piece[] {
    return this.#count(this.#splitter.push(chunk))
  }

  end(): Piece[] {
    return this.#count(this.#splitter.end())
  }

  #count(lines: ReturnType<LineSplitter['push']>): Piece[] {
    return lines.flatMap(({ bytes, text }) =>
      text === undefined ? this.#tokens.unread(bytes) : [this.#tokens.read(bytes, text)],
    )
  }
}

/** Holds a JSON body until its usage can be read: it is one piece. */
class JsonTokenCounter implements Counter {
  readonly #ofBody: typeof tokensOfBody
  readonly #held: Uint8Array[] = []
  #bytes = 0
  #overflow: TextTokenCounter | undefined

  constructor(ofBody: typeof tokensOfBody) {
    this.#ofBody = ofBody
  }

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
    const { tokens, prompt } = this.#ofBody(bytes)
    return [{ bytes, steps: tokens, divisible: false, ...(prompt !== undefined && { prompt }) }]
  }

  #take(): Uint8Array {
    return join(this.#held.splice(0), this.#bytes)
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
