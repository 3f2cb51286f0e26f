import { StreamError } from '../errors/error.ts'
import { BODY_END, type BodyReader } from '../seller/adapters/response.ts'
import type { Problem } from '../wire/problem.ts'
import type { LiveRequest } from './requests.ts'

const encoder = new TextEncoder()
const NEWLINE = 10

/**
 * An answer's body on its way to the client, counted, read only when the client took what came before: a slow client pays slowly.
 * One that breaks off ends the connection, so that it never looks whole; the reader of a stream of events gets a last event that says why.
 */
export function followed(body: BodyReader, request: LiveRequest, isEvents: boolean): BodyReader {
  const end = new LineEnd()
  let failure: { readonly reason: unknown } | undefined
  return {
    async read() {
      if (failure) {
        // What was just handed on has to leave before the connection is ended.
        await new Promise(setImmediate)
        throw failure.reason
      }
      try {
        const { done, value } = await body.read()
        if (done) {
          request.end('done')
          return BODY_END
        }
        request.bytes += value.byteLength
        if (isEvents) end.note(value)
        return { done: false, value }
      } catch (reason) {
        const problem = request.fail(interrupted(reason))
        if (!isEvents || !end.isBetweenEvents) throw reason
        failure = { reason }
        return { done: false, value: encoder.encode(errorEvent(problem)) }
      }
    },
    async cancel(reason) {
      request.end('left')
      await body.cancel(reason)
    },
  }
}

/** What breaks off unpaid is told as what is paid for is. */
function interrupted(reason: unknown): StreamError {
  if (reason instanceof StreamError) return reason
  const detail = reason instanceof Error ? reason.message : String(reason)
  return new StreamError('stream-interrupted', `the stream broke off: ${detail}`, {}, reason)
}

/** As servers with OpenAI's API tell of an error in the middle of a stream, so that their clients raise it. */
const errorEvent = (problem: Problem): string =>
  `data: ${JSON.stringify({ error: { message: `${problem.detail} (${problem.code})`, param: null, ...problem, type: 'streampay' } })}\n\n`

/** The last two bytes of a stream of events: after an empty line a further event may stand. */
class LineEnd {
  #last = NEWLINE
  #before = NEWLINE

  note(chunk: Uint8Array): void {
    // A carriage return is no news.
    for (const byte of chunk.subarray(-4)) {
      if (byte === 13) continue
      this.#before = this.#last
      this.#last = byte
    }
  }

  get isBetweenEvents(): boolean {
    return this.#last === NEWLINE && this.#before === NEWLINE
  }
}
