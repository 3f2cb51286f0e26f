import { StreamError } from '../../errors/error.ts'
import type { PaidHandler } from '../../seller/paywall.ts'
import { compilePattern } from '../routes/pattern.ts'
import type { SourceMaker } from '../sources.ts'
import { openVideo, type VideoOptions } from './open.ts'
import type { Film, VideoSource } from './source.ts'

/** What a gateway's route sells where it names a video: a handler for its wall, with what goes past the wall beside it. */
export type VideoHandler = PaidHandler & {
  /** The answer to what costs nothing, also to a request without a credential; `undefined` for what is to be paid. */
  free(request: Request): Promise<Response | undefined>
  /** The quality that a request is for, such as `480p`, where it can be told. */
  quality(request: Request): string | undefined
  /** Resolves when it can be sold. @throws what kept it from being opened */
  readonly opened: Promise<void>
  /** Paths of the playlists that players are given, once it is opened. */
  entries(): string[]
  hasFailed(): boolean
  /** Ends the packaging. Nothing half-done stays. */
  /** What can be watched, by paths below the route's own; `undefined` while it is prepared, or where that failed. */
  films(): readonly Film[] | undefined
  close(): Promise<void>
}

export const isVideo = (handler: PaidHandler): handler is VideoHandler => 'free' in handler && 'quality' in handler

const RETRY_AFTER_SECONDS = '5'

/**
 * A video for a route, at once: while it is being packaged its requests are answered 503, and nothing is charged.
 * @param prefix the fixed part of the route's path, such as `/films`, below which the video lies
 */
export function videoRoute(target: string, prefix: string, options: Omit<VideoOptions, 'signal'>): VideoHandler {
  const abort = new AbortController()
  let source: VideoSource | undefined
  let failed = false
  const opened = openVideo(target, { ...options, signal: abort.signal }).then(
    (video) => {
      source = video
    },
    (error) => {
      failed = true
      throw error
    },
  )
  // Whoever waits for it is told; if nobody does, the requests are.
  opened.catch(() => {})
  const base = prefix.replace(/\/$/, '')
  const inner = (request: Request): Request => {
    const url = new URL(request.url)
    url.pathname = `/${url.pathname.slice(base.length).replace(/^\/+/, '')}`
    return new Request(url, request)
  }
  const waiting = (): Response => {
    const text = failed ? 'this video cannot be shown\n' : 'this video is being prepared\n'
    return new Response(text, { status: 503, headers: { 'retry-after': RETRY_AFTER_SECONDS } })
  }
  const handler: PaidHandler = (request, meter) => (source ? source.handler(inner(request), meter) : waiting())
  return Object.assign(handler, {
    opened,
    entries: () => (source?.entries ?? []).map((entry) => base + entry),
    hasFailed: () => failed,
    free: async (request: Request) => {
      if (!source) return waiting()
      try {
        const asked = inner(request)
        const playlist = playlistOf(source, new URL(asked.url).pathname)
        return playlist === undefined ? await source.free(asked) : redirect(base + playlist)
      } catch (error) {
        const known = error instanceof StreamError ? error : undefined
        return new Response(`${known?.message ?? 'the seller failed'}\n`, { status: known?.status ?? 500 })
      }
    },
    quality: (request: Request) => source?.quality(inner(request)),
    films: () => source?.films,
    close: async () => {
      abort.abort(new StreamError('interrupted', 'the route is gone'))
      await opened.catch(() => {})
    },
  })
}

/** The playlist of the film that a path names as a whole: `/`, or `/film.mp4` of several. */
function playlistOf({ entries }: VideoSource, path: string): string | undefined {
  const whole = decoded(path.endsWith('/') ? path : `${path}/`)
  return entries.find((entry) => PLAYLIST.test(entry) && folderOf(entry) === whole)
}

const folderOf = (entry: string): string => decoded(entry.slice(0, entry.lastIndexOf('/') + 1))

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return ''
  }
}

const PLAYLIST = /\.(?:m3u8|mpd)$/

const redirect = (location: string): Response => new Response(null, { status: 307, headers: { location } })

/** What is told of videos while they are opened, by the name of their route. */
export interface VideoNews {
  readonly onProgress?: (route: string, film: string, share: number) => void
  /** One film of a folder cannot be sold; the others are. */
  readonly onLeftOut?: (route: string, error: unknown) => void
  /** The video cannot be sold. */
  readonly onFailed?: (route: string, error: unknown) => void
  /** A video is being opened. */
  readonly onOpening?: (route: string, video: VideoHandler) => void
}

/**
 * Makes what routes with a `video` sell; films that are packaged are kept in `cache`.
 * @example Gateway.open(config, { openSeller, sources: [videoSources(cache)] })
 */
export const videoSources =
  (cache: string, { onProgress, onLeftOut, onFailed, onOpening }: VideoNews = {}): SourceMaker =>
  ({ video, path, qualities = [], name = '' }) => {
    if (video === undefined) return undefined
    const made = videoRoute(video, compilePattern(path).prefix, {
      cache,
      ...(qualities.length > 0 && { heights: qualities.map(({ height }) => height) }),
      onProgress: (film, share) => onProgress?.(name, film, share),
      onLeftOut: (error) => onLeftOut?.(name, error),
    })
    onOpening?.(name, made)
    made.opened.catch((error) => {
      const isStopped = error instanceof StreamError && error.code === 'interrupted'
      if (!isStopped) onFailed?.(name, error)
    })
    return made
  }
