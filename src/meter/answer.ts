import type { Price, Unit } from '../money/price.ts'
import type { Tariff } from '../money/tariff.ts'
import { type Counter, counterFor, outputTokenCounter, type Piece } from './counter.ts'
import { PlayCounter, readPlay } from './play.ts'

/** What an agreement asks, as far as counting goes. */
export interface Counted {
  readonly price: Price
  readonly tariff?: Tariff | undefined
}

/** What an answer is counted in; `undefined` where a tariff counts nothing of it. */
export const outputUnit = ({ price, tariff }: Counted): Unit | undefined => (tariff ? tariff.output?.unit : price.unit)

/** Units that both sides count by what crosses the wire. */
export const COUNTED: ReadonlySet<Unit> = new Set(['byte', 'token', 'play-second'])

/** Whether a request's body costs something: by its bytes, or as the prompt that it is until the answer says more. */
export const countsUpload = (tariff: Tariff | undefined): boolean =>
  tariff?.upload !== undefined || tariff?.input !== undefined

/** Whether only the seller's statements tell how much of something was delivered, or bound it. */
export function countsOnStatements({ price, tariff }: Counted): boolean {
  if (!tariff) return !COUNTED.has(price.unit) && price.unit !== 'request'
  const { output, extra } = tariff
  return countsUpload(tariff) || extra !== undefined || (output !== undefined && !COUNTED.has(output.unit))
}

/** The headers of an answer, or whatever else knows them by name. */
interface HeadersLike {
  get(name: string): string | null
}

const TELLS_USAGE = /^(?:application\/(?:json|x-ndjson|ndjson|jsonl|json-lines)|text\/event-stream)\s*(?:;|$)/i

/** The counter for an answer's body on an agreement; `undefined` where the body itself does not count. */
export function answerCounter(asked: Counted, headers: HeadersLike): Counter | undefined {
  const unit = outputUnit(asked)
  const type = headers.get('content-type')
  if (unit === 'play-second')
    return new PlayCounter(readPlay(headers.get('stream-play'), headers.get('content-length')))
  if (!asked.tariff?.input) return unit === undefined ? undefined : counterFor(unit, type)
  if (unit === 'token') return outputTokenCounter(type)
  const own = unit === undefined ? undefined : counterFor(unit, type)
  return TELLS_USAGE.test((type ?? '').trim()) ? new PromptCounter(outputTokenCounter(type), unit === 'byte') : own
}

/** Looks only for the prompt's tokens, where the answer itself is counted in something else. */
class PromptCounter implements Counter {
  readonly #tokens: Counter
  readonly #byBytes: boolean

  constructor(tokens: Counter, byBytes: boolean) {
    this.#tokens = tokens
    this.#byBytes = byBytes
  }

  push(chunk: Uint8Array): Piece[] {
    return this.#tokens.push(chunk).map((piece) => this.#recount(piece))
  }

  end(): Piece[] {
    return this.#tokens.end().map((piece) => this.#recount(piece))
  }

  #recount({ bytes, prompt }: Piece): Piece {
    const steps = this.#byBytes ? BigInt(bytes.byteLength) : 0n
    return { bytes, steps, divisible: this.#byBytes, ...(prompt !== undefined && { prompt }) }
  }
}
