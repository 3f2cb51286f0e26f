import { StreamError } from '../../errors/error.ts'
import { SseSplitter } from '../../meter/sse.ts'
import { formatMsat, type Msat, max, min, minus, msat, ZERO } from '../../money/msat.ts'
import { RateMeter } from '../../window/rate.ts'
import { decodeSessionShort, SESSION_EVENTS } from '../../wire/mpp/session.ts'

export interface SessionTerms {
  /** What a unit costs. */
  readonly each: Msat
  /** As the seller names it; `chunk` if it does not. */
  readonly unit: string
  /** The first deposit, and what a further one will be. */
  readonly deposit: Msat
  /** What earlier runs paid, if they opened it. They may have spent all of it, or nothing: as long as the seller does not say, it is taken to be there. */
  readonly before: Msat
  readonly maxRisk: Msat
  /** How long the first deposit took to be paid, in ms. */
  readonly latencyMs: number
  /** Pays a further deposit and tells the seller; resolves to its amount, and to zero if the seller offered one that is being paid already. */
  readonly topUp: () => Promise<Msat>
  /** Told the receipt at the end of a stream, as it came. */
  readonly onReceipt: (data: string) => void
}

/** Units that a seller may have counted beyond what came, for what is on its way, before it is told a liar. */
const UNITS_ON_THE_WAY = 20n
const MAX_TOP_UP_FAILURES = 3
const RETRY_MS = 500
/** Deposits that are paid at once, where one of them lasts less long than it takes. */
const MAX_AT_ONCE = 8

/**
 * What is left of a session by the buyer's own count, and the next deposit ahead of need: paid when what is left lasts no longer than two payments take,
 * and never so that more than `maxRisk` lies with the seller. When the seller says that nothing is left it is believed, but only as far as what came can have
 * been so many units.
 */
export class SessionAccount {
  readonly #terms: SessionTerms
  readonly #rate = new RateMeter()
  #deposits: Msat
  #spent: Msat = ZERO
  /** Units that came, and bytes: where the seller counts something else, no unit is smaller than a byte. */
  #events = 0n
  #bytes = 0n
  #latencyMs: number
  /** Deposits on their way. */
  readonly #running = new Set<Promise<void>>()
  #most = MAX_AT_ONCE
  #failures = 0
  #error: unknown
  #ended = false

  constructor(terms: SessionTerms) {
    this.#terms = terms
    this.#deposits = terms.before > 0n ? terms.before : terms.deposit
    this.#latencyMs = terms.latencyMs
  }

  get deposits(): Msat {
    return this.#deposits
  }
  /** With those on their way: the seller may have them, and deliver on them, before it says so. */
  get #expected(): Msat {
    return msat(this.#deposits + BigInt(this.#running.size) * this.#terms.deposit)
  }
  /** By the buyer's own count, or the seller's word that all was spent. */
  get spent(): Msat {
    return this.#spent
  }

  /**
   * The answer's body, counted as it is read. Of server-sent events those of the session are taken out: they are about the payment, and readers of the
   * source's own do not know them.
   */
  follow(response: Response): Response {
    if (!response.body) return response
    const isSse = /^text\/event-stream/i.test(response.headers.get('content-type') ?? '')
    if (!isSse) {
      this.#count(1n, 0n)
      return response
    }
    const followed = new Response(response.body.pipeThrough(this.#counting()), response)
    // It is shorter without the session's own events.
    followed.headers.delete('content-length')
    return Object.defineProperty(followed, 'url', { value: response.url })
  }

  #counting(): ReadableWritablePair<Uint8Array, Uint8Array> {
    const splitter = new SseSplitter()
    return new TransformStream<Uint8Array, Uint8Array>(
      {
        transform: (chunk, controller) => {
          for (const { bytes, data } of splitter.push(chunk)) {
            const name = eventOf(bytes)
            if (name === undefined) {
              controller.enqueue(bytes)
              this.#count(data === undefined || data === '' ? 0n : 1n, BigInt(bytes.byteLength))
            } else if (name === 'payment-receipt') this.#terms.onReceipt(data ?? '')
            else this.#told(name, data ?? '', controller)
          }
          if (this.#error) controller.error(this.#error)
        },
        flush: (controller) => {
          const { bytes } = splitter.end()
          if (bytes.byteLength > 0) controller.enqueue(bytes)
        },
      },
      { highWaterMark: 1 },
      { highWaterMark: 0 },
    )
  }

  /** Pays a further deposit now; one that is on its way is waited for. @throws StreamError what keeps it from being paid */
  async topUpNow(): Promise<void> {
    this.#spent = max(this.#spent, this.#deposits)
    await this.#topUpNeeded()
    if (this.#error) throw this.#error
  }

  /** Nothing more is paid; a deposit that is on its way arrives first, or it would be lost. */
  async end(): Promise<void> {
    this.#ended = true
    await Promise.all(this.#running)
  }

  #count(units: bigint, bytes: bigint): void {
    this.#events += units
    this.#bytes += bytes
    this.#spent = min(msat(this.#spent + units * this.#terms.each), this.#expected)
    this.#rate.note(this.#spent, performance.now())
    this.#kick()
  }

  #kick(): void {
    const { deposit, maxRisk } = this.#terms
    const needed = (this.#rate.perSecondOver(this.#latencyMs) * BigInt(Math.ceil(2 * this.#latencyMs))) / 1000n
    const low = max(msat(needed), msat(deposit / 4n))
    while (!this.#error && !this.#ended && this.#running.size < this.#most) {
      // What is on its way counts as if it were there: it is at risk as much.
      const left = minus(this.#expected, this.#spent)
      if (left > low || left + deposit > maxRisk) return
      void this.#topUp()
    }
  }

  #topUp(): Promise<void> {
    const startedAt = performance.now()
    const running: Promise<void> = this.#terms
      .topUp()
      .then(
        (amount) => {
          this.#deposits = msat(this.#deposits + amount)
          if (amount > 0n) this.#latencyMs = performance.now() - startedAt
          else this.#most = 1
          this.#failures = 0
        },
        (error) => {
          // What failed ahead of need may do when it is needed; only then it ends the reading.
          if (++this.#failures >= MAX_TOP_UP_FAILURES) this.#error = error
        },
      )
      .finally(() => {
        this.#running.delete(running)
      })
    this.#running.add(running)
    return running
  }

  /** Nothing is left, and the seller waits. */
  async #topUpNeeded(): Promise<void> {
    while (!this.#error && !this.#ended && this.#spent >= this.#deposits) {
      await (this.#running.size > 0 ? Promise.race(this.#running) : this.#topUp())
      if (this.#failures > 0) await new Promise((done) => setTimeout(done, RETRY_MS * this.#failures))
    }
  }

  #told(name: string, data: string, controller: TransformStreamDefaultController<Uint8Array>): void {
    try {
      const { balanceSpent } = decodeSessionShort(data)
      if (name === 'session-timeout') {
        throw (
          this.#error ??
          new StreamError('payment-insufficient', 'the seller gave the stream up: its session was empty for too long')
        )
      }
      this.#spent = max(this.#deposits, this.#checked(msat(balanceSpent * 1000n)))
      void this.#topUpNeeded().then(() => this.#error && controller.error(this.#error))
    } catch (error) {
      this.#error = error
    }
  }

  /** What the seller says was spent: no more than what came can have cost. @throws StreamError `count-mismatch` */
  #checked(stated: Msat): Msat {
    const spent = min(stated, this.#expected)
    const { mostSpent: most } = this
    if (spent <= most) return spent
    throw new StreamError(
      'count-mismatch',
      `the seller says that ${formatMsat(spent)} were spent, and what came can have cost ${formatMsat(most)} at most`,
      { stated: `${spent}`, received: `${most}` },
    )
  }

  /** What all that came can have cost, what is on its way, and what earlier runs paid. */
  get mostSpent(): Msat {
    const { unit, each, before } = this.#terms
    return msat(before + ((unit === 'chunk' ? this.#events : this.#bytes) + UNITS_ON_THE_WAY) * each)
  }
}

/** The name of a session's own event; `undefined` for the source's. */
function eventOf(bytes: Uint8Array): string | undefined {
  const start = new TextDecoder().decode(bytes.subarray(0, 64))
  const name = /^event: ?([a-z-]+)[\r\n]/.exec(start)?.[1]
  return SESSION_EVENTS.find((known) => known === name)
}
