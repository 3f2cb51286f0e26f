import { StreamError } from '../errors/error.ts'

/** A body up to here is read as a whole: it can then be sent again, and what of it is charged be counted. */
const SMALL = 1 << 20
/** Of a larger one so much is kept in case that it has to be sent again. */
const MAX_KEPT = 16 << 20

/**
 * The body of a request: whole where it is small, and else as it comes. A server that wants money says so before it asks for a large body,
 * so that there is nothing to send again; for one that says so later the beginning is kept.
 */
export class Upload {
  /** Bytes in all, where the client said so. */
  readonly length: bigint | undefined
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #kept: Uint8Array[]
  #keptBytes: number
  #dropped = 0
  #ended = false
  #reading: Promise<void> | undefined

  private constructor(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    begin: Uint8Array[],
    length: bigint | undefined,
  ) {
    this.#reader = reader
    this.#kept = begin
    this.#keptBytes = begin.reduce((sum, { byteLength }) => sum + byteLength, 0)
    this.length = length
  }

  /** @throws what the body fails with */
  static async of(request: Request): Promise<Uint8Array | Upload | undefined> {
    const { body } = request
    if (!body) return undefined
    const told = request.headers.get('content-length')
    const length = told !== null && /^\d{1,15}$/.test(told) ? BigInt(told) : undefined
    const reader = body.getReader()
    if (length !== undefined && length > BigInt(SMALL)) return new Upload(reader, [], length)
    const begin: Uint8Array[] = []
    for (let size = 0; size <= SMALL; ) {
      const { done, value } = await reader.read()
      if (done) return new Uint8Array(Buffer.concat(begin))
      begin.push(value)
      size += value.byteLength
    }
    return new Upload(reader, begin, undefined)
  }

  /**
   * A chunk, by its number; `undefined` after the last. Nothing is read from the client before it is asked for here.
   * @throws StreamError `request-refused` for one that is no longer kept; what the body fails with
   */
  async chunk(index: number): Promise<Uint8Array | undefined> {
    for (;;) {
      if (index < this.#dropped) {
        const text = `the seller asked for money when more than ${MAX_KEPT >> 20} MiB of the request were sent: they cannot be sent again`
        throw new StreamError('request-refused', text)
      }
      const chunk = this.#kept[index - this.#dropped]
      if (chunk || this.#ended) return chunk
      this.#reading ??= this.#read()
      await this.#reading
    }
  }

  async #read(): Promise<void> {
    const { done, value } = await this.#reader.read()
    this.#reading = undefined
    if (done) {
      this.#ended = true
      return
    }
    this.#kept.push(value)
    this.#keptBytes += value.byteLength
    if (this.#keptBytes <= MAX_KEPT) return
    this.#dropped += this.#kept.length - 1
    this.#kept = [value]
    this.#keptBytes = MAX_KEPT
  }
}
