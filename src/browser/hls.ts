import { StreamError } from '../errors/error.ts'
import type { Purse } from './purse.ts'

/** Times of a load, in ms, as hls.js wants them. */
interface Times {
  start: number
  first: number
  end: number
}

interface Stats {
  aborted: boolean
  loaded: number
  retry: number
  total: number
  chunkCount: number
  bwEstimate: number
  loading: Times
  parsing: { start: number; end: number }
  buffering: Times
}

interface Context {
  url: string
  responseType: string
  headers?: Record<string, string>
  rangeStart?: number
  rangeEnd?: number
}

interface Callbacks {
  onSuccess(
    response: { url: string; data: string | ArrayBuffer; code: number },
    stats: Stats,
    context: Context,
    details: unknown,
  ): void
  onError(error: { code: number; text: string }, context: Context, details: unknown, stats: Stats): void
  onAbort?(stats: Stats, context: Context, details: unknown): void
}

/** As hls.js uses a loader. */
export interface HlsLoader {
  context: Context | null
  stats: Stats
  load(context: Context, config: unknown, callbacks: Callbacks): void
  abort(): void
  destroy(): void
}

/** The part of hls.js's configuration that paying needs. */
export interface HlsConfig {
  readonly loader: new () => HlsLoader
  readonly enableWorker: boolean
  readonly maxBufferLength: number
  readonly maxMaxBufferLength: number
  readonly backBufferLength: number
  readonly manifestLoadPolicy: typeof policy
  readonly playlistLoadPolicy: typeof policy
  readonly fragLoadPolicy: typeof policy
}

/** Seconds that are loaded ahead of what plays: what lies there is paid and not watched yet. */
const AHEAD_SECONDS = 6
const RETRY = { maxNumRetry: 10_000, retryDelayMs: 500, maxRetryDelayMs: 2000 }
/** Between a try and the next, while a wallet does not pay, in ms. */
const PAUSE_MS = { first: 250, last: 4000 }
/** A payment may take longer than a server's answer: the purse itself gives a seller up that was paid and sends nothing. */
const PATIENCE_MS = 120_000
const policy = {
  default: { maxTimeToFirstByteMs: PATIENCE_MS, maxLoadTimeMs: PATIENCE_MS, timeoutRetry: RETRY, errorRetry: RETRY },
}

/**
 * What hls.js is to be made with so that it pays: playlists and segments come through the purse, and little is loaded ahead, so that
 * little is paid that is not watched. A video that pauses loads no more, and so pays no more.
 * @example
 * const hls = new Hls(hlsConfig(purse))
 * hls.loadSource('/film/index.m3u8')
 */
export function hlsConfig(purse: Purse): HlsConfig {
  return {
    loader: payingLoader(purse),
    enableWorker: false,
    maxBufferLength: AHEAD_SECONDS,
    maxMaxBufferLength: AHEAD_SECONDS,
    backBufferLength: 60,
    manifestLoadPolicy: policy,
    playlistLoadPolicy: policy,
    fragLoadPolicy: policy,
  }
}

/** A loader for hls.js (`loader` of its configuration) that loads through a purse. */
export function payingLoader(purse: Purse): new () => HlsLoader {
  return class PayingLoader implements HlsLoader {
    context: Context | null = null
    stats: Stats = noStats()
    readonly #abort = new AbortController()

    load(context: Context, _config: unknown, callbacks: Callbacks): void {
      this.context = context
      void this.#load(context, callbacks)
    }

    abort(): void {
      this.stats.aborted = true
      this.#abort.abort(new DOMException('no longer wanted', 'AbortError'))
    }

    destroy(): void {
      this.abort()
    }

    async #load(context: Context, callbacks: Callbacks): Promise<void> {
      const { stats } = this
      stats.loading.start = performance.now()
      const { signal } = this.#abort
      const got = new Received()
      try {
        for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)) {
          try {
            const response = await purse.fetch(context.url, { headers: headersOf(context, got.length), signal })
            stats.loading.first ||= performance.now()
            if (!response.ok) {
              await response.body?.cancel()
              const { status: code, statusText: text } = response
              return callbacks.onError({ code, text }, context, response, stats)
            }
            await got.read(response, startOf(context))
            const { url, status: code } = response
            const bytes = got.bytes()
            stats.loading.end = performance.now()
            stats.loaded = stats.total = bytes.byteLength
            const data = context.responseType === 'arraybuffer' ? bytes : new TextDecoder().decode(bytes)
            if (!signal.aborted) callbacks.onSuccess({ url: url || context.url, data, code }, stats, context, response)
            return
          } catch (error) {
            // The wallet may be back in a moment. What came is kept: it is paid, and not to be paid twice.
            if (signal.aborted || purse.state !== 'open') throw error
            stats.retry++
            await new Promise((resolve) => setTimeout(resolve, pauseMs))
            if (signal.aborted) return
          }
        }
      } catch (error) {
        if (signal.aborted) return
        const code = error instanceof StreamError ? error.status : 0
        callbacks.onError({ code, text: error instanceof Error ? error.message : `${error}` }, context, null, stats)
      }
    }
  }
}

/** The part of a segment that came, over as many requests as that took. */
class Received {
  #chunks: Uint8Array[] = []
  length = 0

  /** Reads an answer to its end. @param start where in the resource the segment begins */
  async read(response: Response, start: number): Promise<void> {
    // Another answer than the rest of what came is the whole from its beginning.
    const from = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
    if (this.length > 0 && from !== `${start + this.length}`) {
      this.#chunks = []
      this.length = 0
    }
    for (const reader = response.body?.getReader(); reader; ) {
      const { done, value } = await reader.read()
      if (done) return
      this.#chunks.push(value)
      this.length += value.byteLength
    }
  }

  bytes(): ArrayBuffer {
    const bytes = new Uint8Array(this.length)
    let at = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at)
      at += chunk.byteLength
    }
    return bytes.buffer
  }
}

const startOf = ({ rangeStart, rangeEnd }: Context): number => (rangeEnd ? (rangeStart ?? 0) : 0)

/** @param got bytes that came before */
function headersOf(context: Context, got: number): Record<string, string> {
  const { headers, rangeEnd } = context
  // hls.js gives the end as the first byte that is not wanted.
  const last = rangeEnd ? `${rangeEnd - 1}` : ''
  const range = rangeEnd || got > 0 ? { range: `bytes=${startOf(context) + got}-${last}` } : {}
  return { ...headers, ...range }
}

const noStats = (): Stats => ({
  aborted: false,
  loaded: 0,
  retry: 0,
  total: 0,
  chunkCount: 0,
  bwEstimate: 0,
  loading: { start: 0, first: 0, end: 0 },
  parsing: { start: 0, end: 0 },
  buffering: { start: 0, first: 0, end: 0 },
})
