import { answer, toJson } from './answers.ts'

/** Pages that are told at once; each costs a snapshot's text a second. */
export const MAX_WATCHERS = 16
const EVERY_MS = 1000

/** Tells every open page once a second how things stand; one text for all of them, and none while nobody looks. */
export class Live {
  readonly #tell: () => unknown
  readonly #watchers = new Set<(text: string) => void>()
  #timer: ReturnType<typeof setInterval> | undefined

  /** `tell` makes what is sent. */
  constructor(tell: () => unknown) {
    this.#tell = tell
  }

  get watchers(): number {
    return this.#watchers.size
  }

  /** The stream of a page, or `undefined` where too many are open. */
  watch(): Response | undefined {
    if (this.#watchers.size >= MAX_WATCHERS) return undefined
    let end = () => {}
    const encoder = new TextEncoder()
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const write = (text: string) => {
          // A page that does not read gets no more: each state replaces the one before.
          if ((controller.desiredSize ?? 0) > -4) controller.enqueue(encoder.encode(text))
        }
        this.#watchers.add(write)
        end = () => this.#leave(write)
        write(`retry: 2000\n\n${this.#state()}`)
        this.#timer ??= this.#start()
      },
      cancel: () => end(),
    })
    return answer(body, 'text/event-stream', { headers: { 'x-accel-buffering': 'no' } })
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#watchers.clear()
  }

  #start(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => this.#send(), EVERY_MS)
    timer.unref()
    return timer
  }

  #state(): string {
    return `event: state\ndata: ${toJson(this.#tell())}\n\n`
  }

  #send(): void {
    const state = this.#state()
    for (const write of this.#watchers) write(state)
  }

  #leave(write: (text: string) => void): void {
    this.#watchers.delete(write)
    if (this.#watchers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
