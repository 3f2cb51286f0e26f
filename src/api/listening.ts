import { StreamError } from '../errors/error.ts'
import type { Caller } from './caller.ts'
import type { LocalEvent, LocalEvents } from './events.ts'
import { KEPT_TO_ITSELF } from './problem.ts'
import { toJson } from './toJson.ts'

/** Listeners at once, in all and of one caller. Each is a connection. */
export const MAX_LISTENERS = 64
export const MAX_LISTENERS_OF_ONE = 8
/** Events that a listener which does not read may lag behind; what comes then is counted, and told as `missed`. */
export const MAX_LAG = 256
/** A sign of life, so that both sides find out when the other is gone. */
const ALIVE_MS = 15_000

/** The streams of events that are open, as Server-Sent Events. */
export class Listening {
  readonly #events: LocalEvents
  readonly #open = new Map<string, number>()
  readonly #ends = new Set<() => void>()

  constructor(events: LocalEvents) {
    this.#events = events
  }

  get size(): number {
    return this.#ends.size
  }

  /** A stream of what happens for a caller, and of everything for the owner. @throws StreamError `rate-limited` if too many are open */
  open(caller: Caller): Response {
    const { name, isOwner } = caller
    const own = this.#open.get(name) ?? 0
    if (this.size >= MAX_LISTENERS || own >= MAX_LISTENERS_OF_ONE) {
      throw new StreamError('rate-limited', 'too many are listening already', { retryAfter: '5' })
    }
    this.#open.set(name, own + 1)
    const encoder = new TextEncoder()
    let end = () => {}
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          let missed = 0
          const write = (text: string): void => controller.enqueue(encoder.encode(text))
          const tell = (event: LocalEvent): void => {
            if (!isOwner && event.caller !== name) return
            if ((controller.desiredSize ?? 0) <= 0) {
              missed++
              return
            }
            if (missed > 0) write(eventText({ event: 'missed', caller: name, count: missed }))
            missed = 0
            write(eventText(event))
          }
          const stop = this.#events.listen(tell)
          const timer = setInterval(() => {
            if ((controller.desiredSize ?? 0) > 0) write(': alive\n\n')
          }, ALIVE_MS)
          timer.unref()
          let ended = false
          end = () => {
            if (ended) return
            ended = true
            stop()
            clearInterval(timer)
            this.#ends.delete(close)
            this.#leave(name)
          }
          const close = (): void => {
            end()
            controller.close()
          }
          this.#ends.add(close)
          write(': listening\n\n')
        },
        cancel: () => end(),
      },
      { highWaterMark: MAX_LAG },
    )
    return new Response(body, {
      headers: { ...KEPT_TO_ITSELF, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
    })
  }

  /** Ends every stream. */
  close(): void {
    for (const end of [...this.#ends]) end()
  }

  #leave(name: string): void {
    const left = (this.#open.get(name) ?? 1) - 1
    if (left > 0) this.#open.set(name, left)
    else this.#open.delete(name)
  }
}

/** A field of SSE holds no line break, and a name is one of ours or the mounting process's. */
const eventText = ({ event, ...fields }: LocalEvent): string =>
  `event: ${event.replace(/[\r\n]/g, ' ')}\ndata: ${toJson(fields)}\n\n`
