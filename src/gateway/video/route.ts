import { StreamError } from '../../errors/error.ts'
import type { PaidHandler } from '../../seller/paywall.ts'
import { compilePattern } from '../routes/pattern.ts'
import type { SourceMaker } from '../sources.ts'
import { openVideo, type VideoOptions } from './open.ts'
import type { VideoSource } from './source.ts'

/** What a gateway's route sells where it names a video: a handler for its wall, with what goes past the wall beside it. */
export type VideoHandler = PaidHandler & {
  /** The answer to what costs nothing, also to a request without a credential; `undefined` for what is to be paid. */
  free(request: Request): Promise<Response | undefined>
  quality(request: Request): string | undefined
  close(): Promise<void>
}

const RETRY_AFTER_SECONDS = '5'

/**
 * A video for a route, at once: while it is being packaged its requests are answered 503, and nothing is charged.
 * @param prefix the fixed part of the route's path, such as `/films`, below which the video lies
 * @param onError told where it cannot be opened
 */
export function videoRoute(
  target: string,
  prefix: string,
  options: Omit<VideoOptions, 'signal'>,
  onError: (error: unknown) => void = () => {},
): VideoHandler {
  const abort = new AbortController()
  let source: VideoSource | undefined
  let failed = false
  const opening = openVideo(target, { ...options, signal: abort.signal }).then(
    (opened) => {
      source = opened
    },
    (error) => {
      failed = true
      if (!abort.signal.aborted) onError(error)
    },
  )
  const inner = (request: Request): Request => {
    const url = new URL(request.url)
    url.pathname = `/${url.pathname.slice(prefix.replace(/\/$/, '').length).replace(/^\/+/, '')}`
    return new Request(url, request)
  }
  const waiting = (): Response => {
    const text = failed ? 'this video cannot be shown\n' : 'this video is being prepared\n'
    return new Response(text, { status: 503, headers: { 'retry-after': RETRY_AFTER_SECONDS } })
  }
  const handler: PaidHandler = (request, meter) => (source ? source.handler(inner(request), meter) : waiting())
  return Object.assign(handler, {
    free: async (request: Request) => {
      if (!source) return waiting()
      try {
        return await source.free(inner(request))
      } catch (error) {
        const known = error instanceof StreamError ? error : undefined
        return new Response(`${known?.message ?? 'the seller failed'}\n`, { status: known?.status ?? 500 })
      }
    },
    quality: (request: Request) => source?.quality(inner(request)),
    close: async () => {
      abort.abort(new StreamError('interrupted', 'the route is gone'))
      await opening
      await source?.close()
    },
  })
}

/** Makes what routes with a `video` sell; films that are packaged are kept in `cache`. */
export const videoSources =
  (cache: string, onError?: (error: unknown) => void): SourceMaker =>
  ({ video, path }) =>
    video === undefined ? undefined : videoRoute(video, compilePattern(path).prefix, { cache }, onError)
