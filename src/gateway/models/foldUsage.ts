import { SseSplitter } from '../../meter/sse.ts'
import { isObject, parseObject } from './askUsage.ts'

/**
 * Takes the event with the usage, which the gateway had asked for and the client had not, out of a stream, and writes its usage
 * into the event before it, which tells why the answer ended. So a client that reads `choices[0]` of every event goes on working,
 * and seller and buyer still count the same bytes. Everything else passes as it is, at once.
 */
export class UsageFolder {
  readonly #splitter = new SseSplitter()
  /** The event that tells the end, held for the one after it. */
  #last: { readonly bytes: Uint8Array; readonly chunk: Readonly<Record<string, unknown>> } | undefined

  push(bytes: Uint8Array): Uint8Array[] {
    return this.#splitter.push(bytes).flatMap((event) => this.#event(event.bytes, event.data))
  }

  end(): Uint8Array[] {
    const { bytes } = this.#splitter.end()
    return [...this.#release(), ...(bytes.length > 0 ? [bytes] : [])]
  }

  #event(bytes: Uint8Array, data: string | undefined): Uint8Array[] {
    const chunk = data === undefined || !MATTERS.test(data) ? undefined : parseObject(data)
    // A sign of life between the two is passed on, and ends nothing.
    if (data === '') return [bytes]
    if (this.#last && chunk && isUsageOnly(chunk)) {
      const folded = { ...this.#last.chunk, usage: chunk.usage }
      this.#last = undefined
      return [new TextEncoder().encode(`data: ${JSON.stringify(folded)}\n\n`)]
    }
    const before = this.#release()
    if (!chunk || !isEnd(chunk)) return [...before, bytes]
    this.#last = { bytes, chunk }
    return before
  }

  #release(): Uint8Array[] {
    const held = this.#last
    this.#last = undefined
    return held ? [held.bytes] : []
  }
}

/**
 * What an event must hold to be one of the two. All others are passed on unread: to parse every token's took a tenth of what the gateway
 * does for it. One that hides it, by escapes in a name, passes as it is.
 */
const MATTERS = /"finish_reason"\s*:\s*"|"usage"\s*:\s*\{/

const isUsageOnly = ({ choices, usage }: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(choices) && choices.length === 0 && isObject(usage)

/** Only where the answer has one choice: with several, other ends follow and not the usage. They pass unchanged. */
const isEnd = ({ choices, usage }: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(choices) &&
  choices.length > 0 &&
  !isObject(usage) &&
  choices.every((choice) => isObject(choice) && typeof choice.finish_reason === 'string')
