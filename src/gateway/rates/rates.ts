import { readFile } from 'node:fs/promises'
import { StreamError, toStreamError } from '../../errors/error.ts'
import type { RateConfig } from '../config/schema.ts'
import { type Decimal, readDecimal } from './fiat.ts'

/** What one bitcoin costs in a currency, as of a time. */
export interface Rate {
  readonly value: Decimal
  /** As it was read, for people. */
  readonly text: string
  readonly atMs: number
}

/** An answer of a rate's source is no longer than this. */
const MAX_LENGTH = 10_000
const FETCH_MS = 10_000
const RETRY_MS = 5_000

interface Source {
  readonly config: RateConfig
  rate: Rate | undefined
  timer: ReturnType<typeof setTimeout> | undefined
}

/** The rates of a configuration, read anew before they are too old. */
export class Rates {
  readonly #sources: ReadonlyMap<string, Source>
  readonly #onChange: (currency: string) => void
  readonly #onTrouble: (error: StreamError) => void
  #closed = false

  private constructor(
    configs: Readonly<Record<string, RateConfig>>,
    onChange: (currency: string) => void,
    onTrouble: (error: StreamError) => void,
  ) {
    this.#sources = new Map(
      Object.entries(configs).map(([name, config]) => [name, { config, rate: undefined, timer: undefined }]),
    )
    this.#onChange = onChange
    this.#onTrouble = onTrouble
  }

  /**
   * Reads every rate once, and then at its `refresh`. One that cannot be read is told to `onTrouble` and tried again; until it is there
   * nothing is sold at it.
   */
  static async open(
    configs: Readonly<Record<string, RateConfig>>,
    onChange: (currency: string) => void,
    onTrouble: (error: StreamError) => void,
  ): Promise<Rates> {
    const rates = new Rates(configs, onChange, onTrouble)
    await Promise.all([...rates.#sources.keys()].map((currency) => rates.#refresh(currency)))
    return rates
  }

  /** The rate, if it is young enough to sell at. */
  fresh(currency: string, nowMs = Date.now()): Rate | undefined {
    const { rate, config } = this.#sources.get(currency) ?? {}
    return rate && config && nowMs - rate.atMs <= config.maxAge ? rate : undefined
  }

  close(): void {
    this.#closed = true
    for (const { timer } of this.#sources.values()) clearTimeout(timer)
  }

  async #refresh(currency: string): Promise<void> {
    const source = this.#sources.get(currency)!
    let nextMs = source.config.refresh
    try {
      const text = await readSource(source.config)
      const value = readDecimal(text)
      if (!value) throw new TypeError(`"${text.slice(0, 40)}" is not a number such as 65000.5`)
      if (this.#closed) return
      source.rate = { value, text: text.trim(), atMs: Date.now() }
      this.#onChange(currency)
    } catch (error) {
      nextMs = Math.min(nextMs, RETRY_MS)
      this.#onTrouble(
        new StreamError(
          'rate-stale',
          `the rate of ${currency} cannot be read: ${toStreamError(error).message}`,
          {},
          error,
        ),
      )
    }
    if (this.#closed) return
    source.timer = setTimeout(() => void this.#refresh(currency), nextMs)
    source.timer.unref()
  }
}

/** A number alone, or the first `rate`, `price` or `last` in a JSON object. */
async function readSource({ value, file, url, read }: RateConfig): Promise<string> {
  if (value !== undefined) return value
  if (file !== undefined) return numberIn(await readFile(file, 'utf8'))
  if (read !== undefined) return String(await read())
  const response = await fetch(url!, { signal: AbortSignal.timeout(FETCH_MS), redirect: 'error' })
  if (!response.ok) throw new Error(`its source answers ${response.status}`)
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_LENGTH) throw new Error('its source answers more than a rate')
  }
  return numberIn(text)
}

function numberIn(text: string): string {
  if (!text.trim().startsWith('{')) return text
  const value = JSON.parse(text) as Record<string, unknown>
  const found = ['rate', 'price', 'last'].map((name) => value[name]).find((each) => each !== undefined)
  return String(found)
}
