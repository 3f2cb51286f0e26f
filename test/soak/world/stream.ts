import { type Buyer, createBuyer } from '../../../src/buyer/buyer.ts'
import { StreamError, toStreamError } from '../../../src/errors/error.ts'
import type { Journal } from '../../../src/ledger/journal.ts'
import type { LightningNode } from '../../../src/lightning/node.ts'
import { sleep } from './clock.ts'
import { type GoodName, good } from './goods.ts'
import type { Log } from './log.ts'
import { notedFetch, purchase } from './purchase.ts'
import { random } from './random.ts'

export interface StreamOptions {
  readonly name: GoodName
  readonly url: string
  readonly node: LightningNode
  readonly journal: Journal
  readonly log: Log
  readonly ahead: string
  readonly maxFeePercent: number
  readonly seed: number
}

/** Requests at once on one agreement. */
const LANES = 2
const STALL_MS = 6000
const PAUSE_MS = { first: 250, last: 2000 }

/** Buys one good over and over, as one buyer and as any program would, until it is stopped; then closes. */
export class Stream {
  readonly name: GoodName
  readonly #options: StreamOptions
  readonly #end = new AbortController()
  readonly #buyer: Buyer
  readonly #lanes: Promise<unknown>
  /** Steps that it got in this life. */
  steps = 0

  constructor(options: StreamOptions) {
    const { node, journal, ahead, maxFeePercent, log, name } = options
    this.name = name
    this.#options = options
    this.#buyer = createBuyer({
      node,
      journal,
      ahead,
      maxFeePercent,
      max: '10000000 sat',
      maxPrice: good(name).wall.price,
      stallMs: STALL_MS,
      fetch: notedFetch(log),
    })
    this.#lanes = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#run(lane)))
  }

  /** Ends what runs. */
  async stop(): Promise<void> {
    this.#end.abort(new StreamError('interrupted', 'the run is over'))
    await this.#lanes
  }

  /** Closes what it agreed on, and takes back what is left. What cannot be closed is in the journal. */
  async close(): Promise<void> {
    await this.#buyer.close().catch((error) => this.#trouble('closing', error))
    for (const { dispute } of this.#buyer.closings) if (dispute) this.#trouble('dispute', dispute)
  }

  async #run(lane: number): Promise<void> {
    const { name, url, log, seed } = this.#options
    const by = random(seed + lane)
    const { signal } = this.#end
    const onSteps = (steps: number): void => {
      this.steps += steps
    }
    for (let pauseMs = PAUSE_MS.first; !signal.aborted; ) {
      try {
        await purchase(this.#buyer, { name, url, log, by, signal, onSteps })
        pauseMs = PAUSE_MS.first
      } catch (error) {
        if (signal.aborted) return
        this.#trouble('buying', error)
        await sleep(pauseMs)
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)
      }
    }
  }

  #trouble(when: 'buying' | 'closing' | 'dispute', error: unknown): void {
    const { code, message: text } = toStreamError(error)
    this.#options.log.note({ is: 'trouble', good: this.name, when, code, text })
  }
}
