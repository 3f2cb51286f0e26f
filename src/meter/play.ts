import type { Counter, Piece } from './counter.ts'

/** How long a body plays, as its header `stream-play` says (spec section 1.2). */
export interface Play {
  /** Playing time of the whole, in ms. */
  readonly ms: bigint
  /** Bytes of the whole. */
  readonly of: bigint
  /** Where in the whole this body begins, and how long it is. */
  readonly from: bigint
  readonly length: bigint
  /** The first so many bytes of this body were paid before. */
  readonly paid: bigint
}

/** A segment that plays for more than a day is none: what a seller can claim by one header is bounded. */
const MAX_PLAY_MS = 86_400_000n
const NUMBER = '(0|[1-9]\\d{0,14})'
const HEADER = new RegExp(`^ms=${NUMBER}(?:;paid=${NUMBER})?(?:;of=${NUMBER};from=${NUMBER})?$`)
const LENGTH = /^(0|[1-9]\d{0,14})$/
/** A body is cut into pieces of about so much playing time, so that no piece needs a large window. */
const SLICE_MS = 100n

/**
 * Reads the header and the length of a body; `undefined` where either is missing or cannot be true, and then nothing counts. Never throws.
 * @example readPlay('ms=6006', '100000'), readPlay('ms=6006;paid=4000;of=100000;from=50000', '50000')
 */
export function readPlay(header: string | null, contentLength: string | null): Play | undefined {
  const match = HEADER.exec(header ?? '')
  if (!match || !LENGTH.test(contentLength ?? '')) return undefined
  const length = BigInt(contentLength!)
  const [ms, paid, of, from] = [match[1], match[2] ?? '0', match[3] ?? contentLength!, match[4] ?? '0'].map((text) =>
    BigInt(text!),
  ) as [bigint, bigint, bigint, bigint]
  const play = { ms, of, from, length, paid }
  return ms <= MAX_PLAY_MS && paid <= length && from + length <= of ? play : undefined
}

/** The header for a body. @example formatPlay({ ms: 6006n, paid: 0n, of: 100n, from: 0n, length: 100n }) === 'ms=6006' */
export function formatPlay({ ms, paid, of, from, length }: Play): string {
  const range = from === 0n && of === length ? '' : `;of=${of};from=${from}`
  return `ms=${ms}${paid > 0n ? `;paid=${paid}` : ''}${range}`
}

/** Steps of the first so many bytes of a body: ranges of one whole that touch add up to what the whole counts. */
export function playSteps({ ms, of, from, length, paid }: Play, bytes: bigint): bigint {
  const end = bytes < length ? bytes : length
  if (end <= paid || of === 0n) return 0n
  return (ms * (from + end)) / of - (ms * (from + paid)) / of
}

/** Counts a body by how much of its playing time has come. */
export class PlayCounter implements Counter {
  readonly #play: Play | undefined
  readonly #sliceBytes: number
  #bytes = 0n

  /** @param play as `readPlay` read it; without one nothing counts */
  constructor(play: Play | undefined) {
    this.#play = play
    const slice = play && play.ms > 0n ? (play.of * SLICE_MS) / play.ms : 0n
    // Below a byte for each slice there is nothing to cut; and without a play nothing need be.
    this.#sliceBytes = play && play.ms > 0n ? Math.max(1, Number(slice)) : Number.POSITIVE_INFINITY
  }

  push(chunk: Uint8Array): Piece[] {
    const pieces: Piece[] = []
    for (let at = 0; at < chunk.byteLength; ) {
      const end = Math.min(chunk.byteLength, at + this.#sliceBytes)
      pieces.push(this.#piece(chunk.subarray(at, end)))
      at = end
    }
    return pieces
  }

  end(): Piece[] {
    return []
  }

  #piece(bytes: Uint8Array): Piece {
    const before = this.#bytes
    this.#bytes += BigInt(bytes.byteLength)
    const play = this.#play
    const steps = play ? playSteps(play, this.#bytes) - playSteps(play, before) : 0n
    return { bytes, steps, divisible: false }
  }
}
