/** Agreements of which it is remembered what they were given. The one that was used least recently is forgotten first. */
const MAX_AGREEMENTS = 2000
/** Pieces that are remembered in all: about 50 MB. */
const MAX_PIECES = 400_000
/** Separate parts of one segment or file: a viewer that jumps about more often pays for the smallest of them once more. */
const MAX_PARTS = 64

/** A half-open range of bytes. */
export interface Part {
  readonly start: number
  readonly end: number
}

/**
 * What of each segment was delivered to each agreement, so that nothing is charged twice: a repeated segment, or one that was cut
 * short and is asked for again. In memory, and bounded.
 */
export class Delivered {
  readonly #agreements = new Map<string, Map<string, Part[]>>()
  #pieces = 0

  /** How many bytes from `from` on the agreement was given before, without a gap. */
  paidFrom(agreement: string, segment: string, from: number): number {
    const part = this.#parts(agreement, segment).find(({ start, end }) => start <= from && from < end)
    return part ? part.end - from : 0
  }

  /** Where the next part begins that was given before, behind the one that `from` lies in; `undefined` if there is none. */
  nextPart(agreement: string, segment: string, from: number): number | undefined {
    return this.#parts(agreement, segment).find(({ start }) => start > from)?.start
  }

  /** Notes that the bytes from `start` to `end` were delivered. */
  add(agreement: string, segment: string, start: number, end: number): void {
    if (end <= start) return
    const segments = this.#agreements.get(agreement) ?? new Map<string, Part[]>()
    // Put last: the order of the map is that of use.
    this.#agreements.delete(agreement)
    this.#agreements.set(agreement, segments)
    const before = segments.get(segment) ?? []
    const after = merge(before, { start, end })
    segments.set(segment, after)
    this.#pieces += after.length - before.length
    this.#trim()
  }

  #parts(agreement: string, segment: string): readonly Part[] {
    return this.#agreements.get(agreement)?.get(segment) ?? []
  }

  #trim(): void {
    for (const [agreement, segments] of this.#agreements) {
      if (this.#agreements.size <= MAX_AGREEMENTS && this.#pieces <= MAX_PIECES) return
      this.#agreements.delete(agreement)
      for (const parts of segments.values()) this.#pieces -= parts.length
    }
  }
}

/** The parts with a further one, in order and joined where they touch. */
export function merge(parts: readonly Part[], added: Part): Part[] {
  let { start, end } = added
  const apart: Part[] = []
  for (const part of parts) {
    if (part.end < start || part.start > end) apart.push(part)
    else {
      start = Math.min(start, part.start)
      end = Math.max(end, part.end)
    }
  }
  apart.push({ start, end })
  if (apart.length > MAX_PARTS) apart.splice(smallest(apart), 1)
  return apart.sort((a, b) => a.start - b.start)
}

const smallest = (parts: readonly Part[]): number =>
  parts.reduce((least, { start, end }, i) => (end - start < parts[least]!.end - parts[least]!.start ? i : least), 0)
