import { pause } from '../../lightning/pause.ts'
import { SseSplitter } from '../../meter/sse.ts'
import { fromProblem } from '../../wire/problem.ts'
import { decodeStatement, type Statement } from '../../wire/statement.ts'
import { readJson, sellerFailed } from './control.ts'

const RETRY_MS = { first: 100, last: 5000 }
/** A seller says something every 5 s: a channel that is silent for four times that is half open, and a new one is made. */
export const SILENCE_MS = 20_000

/** What is told of a control channel. */
export interface News {
  statement(statement: Statement): void
  /** Something came, were it only a sign of life. */
  alive(): void
}

/**
 * Follows an agreement's control channel until `signal` aborts, reconnecting with pauses. A statement that cannot be read is
 * passed over: it is news, not proof.
 */
export async function follow(
  connect: (signal: AbortSignal) => Promise<Response>,
  news: News,
  signal: AbortSignal,
  silenceMs = SILENCE_MS,
): Promise<void> {
  for (let pauseMs = RETRY_MS.first; !signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS.last)) {
    const channel = new Channel(signal, silenceMs)
    try {
      const response = await connect(channel.signal)
      // Refused for good; a seller that only fails for now is asked again.
      if (response.status >= 400 && response.status < 500 && response.status !== 429) return
      if (!response.ok || !response.body) throw new Error(`the seller answered ${response.status}`)
      pauseMs = RETRY_MS.first
      if (await read(response.body, news, channel)) return
    } catch {
      // The data goes on without its control channel; only units that the buyer cannot count wait for it.
    } finally {
      channel.end()
    }
    await pause(pauseMs, signal)
  }
}

/**
 * How an agreement stands, by the seller's word: the first statement of its control channel.
 * `undefined` if the seller knows no such agreement, or none that is still good.
 * @throws StreamError the seller's own problem, `seller-unreachable`, `seller-failed`
 */
export async function statementNow(response: Response): Promise<Statement | undefined> {
  if (response.ok && response.body) {
    let first: Statement | undefined
    const stop = new Error('enough')
    const statement = (heard: Statement) => {
      first = heard
      throw stop
    }
    await read(response.body, { statement, alive: () => {} }).catch((error) => {
      if (error !== stop) throw error
    })
    return first
  }
  const body = await readJson(response)
  if (response.status >= 400 && response.status < 500 && response.status !== 429) return undefined
  throw fromProblem(body) ?? sellerFailed(response.status)
}

/** One connection: `signal` aborts when the following ends, and when nothing was heard for too long. */
class Channel {
  readonly #dead = new AbortController()
  readonly signal: AbortSignal
  readonly #silenceMs: number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(signal: AbortSignal, silenceMs: number) {
    this.signal = AbortSignal.any([signal, this.#dead.signal])
    this.#silenceMs = silenceMs
    this.heard()
  }

  heard(): void {
    clearTimeout(this.#timer)
    const silent = new Error('the control channel is silent')
    this.#timer = setTimeout(() => this.#dead.abort(silent), this.#silenceMs)
  }

  end(): void {
    clearTimeout(this.#timer)
    // A refused answer is not read, and must not keep its connection.
    this.#dead.abort()
  }
}

/** Reads statements; `true` when the agreement was closed. */
async function read(body: ReadableStream<Uint8Array>, news: News, channel?: Channel): Promise<boolean> {
  const splitter = new SseSplitter()
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return false
      channel?.heard()
      news.alive()
      for (const { data } of splitter.push(value)) {
        const statement = parse(data)
        if (statement) news.statement(statement)
        if (statement?.state === 'closed') return true
      }
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

function parse(data: string | undefined): Statement | undefined {
  try {
    return data === undefined || data === '' ? undefined : decodeStatement(JSON.parse(data))
  } catch {
    return undefined
  }
}
