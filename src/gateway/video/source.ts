import { StreamError } from '../../errors/error.ts'
import type { Meter } from '../../seller/delivery.ts'
import type { PaidHandler } from '../../seller/paywall.ts'
import { readRange } from '../../seller/sources/range.ts'
import { Catalog, fileOf } from './catalog.ts'
import { readMpd } from './dash.ts'
import { Delivered } from './delivered.ts'
import { MAX_PLAYLIST_BYTES, type Playlist, readPlaylist } from './hls.ts'
import { sellPlay } from './playing.ts'

/** Files by request: a folder's, or an upstream's. */
export type Media = (request: Request, meter?: Meter) => Promise<Response>

/** One thing to watch of a video source, as a list of what is for sale shows it. */
export interface Film {
  /** For people: from the name of a file, so it may hold anything. */
  readonly title: string
  /** Path of its playlist in the source; absent where there is none that a page can play. */
  readonly playlist?: string
  /** Path of a still picture. */
  readonly poster?: string
}

/** Something that plays and is sold by the time it plays. */
export interface VideoSource {
  readonly films: readonly Film[]
  /** The answer to what costs nothing (playlists, initialization, posters, lists); `undefined` for what is paid. */
  free(request: Request): Promise<Response | undefined>
  /** Segments, to be put behind a wall whose price is per `play-second`. */
  readonly handler: PaidHandler
  /** The quality that a request is for, where it can be told: the folder that the packager made for it. */
  quality(request: Request): string | undefined
  /** Paths of what a player is given: a playlist for each film. */
  readonly entries: readonly string[]
}

const PLAYLIST = /\.(?:m3u8|mpd)$/i
/** Of several playlists side by side, the one that names the others. */
const MAIN = /\/(?:index|master)\.(?:m3u8|mpd)$/
/** Posters, subtitles and pages. Whatever else no playlist names is not served: a file that lies about would be free. */
const FREE = /\.(?:jpe?g|png|webp|vtt|srt)$/i
/** Playlists that one request may lead to. */
const MAX_PLAYLISTS = 64
const LOOK_AGAIN_MS = 1000

/**
 * An HLS or DASH stream: playlists and what a player needs to begin cost nothing, each segment what it plays.
 * @param entry paths of playlists to read first, so that segments are known to whoever asks for them first
 */
export function streamSource(media: Media, entry: readonly string[] = [], films: readonly Film[] = []): VideoSource {
  const catalog = new Catalog()
  const delivered = new Delivered()
  const read = async (request: Request): Promise<{ response: Response; names: string[] }> => {
    const answer = await media(request)
    if (!answer.ok || request.method === 'HEAD') return { response: answer, names: [] }
    const { pathname, search } = new URL(request.url)
    const text = await textOf(answer)
    const playlist: Playlist = /\.mpd$/i.test(pathname) ? readMpd(text) : readPlaylist(text)
    checkInside(pathname + search, playlist)
    const names = catalog.learn(pathname + search, playlist)
    const headers = new Headers(answer.headers)
    headers.delete('content-length')
    if (!headers.get('content-type')?.includes('mpegurl') && !/\.mpd$/i.test(pathname)) {
      headers.set('content-type', 'application/vnd.apple.mpegurl')
    }
    return { response: new Response(text, { status: answer.status, headers }), names }
  }
  /** Reads playlists and the ones that they name. What cannot be read names nothing. */
  const walk = async (origin: string, first: readonly string[]): Promise<void> => {
    const queue = [...first]
    const seen = new Set<string>()
    for (let path = queue.shift(); path !== undefined && seen.size < MAX_PLAYLISTS; path = queue.shift()) {
      if (path === '' || seen.has(path)) continue
      seen.add(path)
      const found = await read(new Request(new URL(path, origin))).catch(() => undefined)
      queue.push(...(found?.names ?? []))
    }
  }
  let ready: Promise<void> | undefined
  let lookAgainMs = 0
  const known = async (request: Request): Promise<number | undefined> => {
    const url = new URL(request.url)
    const file = url.pathname + url.search
    ready ??= walk(url.origin, entry)
    await ready
    if (catalog.ms(file) === undefined && !catalog.isFree(file) && performance.now() >= lookAgainMs) {
      // Names that somebody makes up must not have the playlists read without end.
      lookAgainMs = performance.now() + LOOK_AGAIN_MS
      await walk(url.origin, [...entry, ...beside(file)])
    }
    return catalog.ms(file)
  }
  return {
    films,
    async free(request) {
      const { pathname, search } = new URL(request.url)
      if (PLAYLIST.test(pathname)) return (await read(request)).response
      // First what is sold: a segment may have any name.
      if ((await known(request)) !== undefined) return undefined
      return catalog.isFree(pathname + search) || FREE.test(pathname)
        ? media(request)
        : new Response('not found\n', { status: 404 })
    },
    async handler(request, meter) {
      const ms = await known(request)
      if (ms === undefined) return new Response('not found\n', { status: 404 })
      const { pathname, search } = new URL(request.url)
      return sellPlay(await media(request, meter), { segment: pathname + search, ms }, meter, delivered)
    },
    entries: entry.length === 1 ? entry : entry.filter((path) => MAIN.test(path)).slice(0, 1),
    quality: (request) => /(?:^|\/)(\d{2,4}p)\/[^/]+$/.exec(new URL(request.url).pathname)?.[1],
  }
}

/** One file that is sold by ranges of its bytes, each for its part of the time that the whole plays. */
export function fileSource(
  media: Media,
  file: { readonly ms: number; readonly size: number },
  films: readonly Film[] = [],
): VideoSource {
  const delivered = new Delivered()
  return {
    films,
    free: async () => undefined,
    async handler(request, meter) {
      const asked = file.size > 0 ? readRange(request.headers, file.size, '', new Date(0)) : undefined
      // A range ends where the next part begins that was paid before: a player asks again from there, and pays nothing for it.
      const next = typeof asked === 'object' ? endOf(delivered, meter.agreement, asked.start) : undefined
      const headers = new Headers(request.headers)
      if (typeof asked === 'object') {
        headers.set('range', `bytes=${asked.start}-${Math.min(asked.end, next ?? asked.end) - 1}`)
      }
      const { url, method, signal } = request
      const answer = await media(new Request(url, { method, headers, signal }), meter)
      return sellPlay(answer, { segment: 'file', ms: file.ms }, meter, delivered)
    },
    entries: [],
    quality: () => undefined,
  }
}

const endOf = (delivered: Delivered, agreement: string, from: number): number | undefined =>
  delivered.nextPart(agreement, 'file', from)

/** Where a playlist may lie that names a file: beside it, and one folder above. */
function beside(file: string): string[] {
  const folder = file.slice(0, file.split('?', 1)[0]!.lastIndexOf('/') + 1)
  const above = folder.slice(0, folder.slice(0, -1).lastIndexOf('/') + 1)
  return above === '' ? [`${folder}index.m3u8`] : [`${above}index.m3u8`, `${folder}index.m3u8`]
}

/** A playlist that leads players past the seller would give its segments away. */
function checkInside(at: string, playlist: Playlist): void {
  const uris =
    playlist.kind === 'master'
      ? [...playlist.variants, ...playlist.renditions]
      : [...playlist.extras, ...playlist.segments.map(({ uri }) => uri)]
  const outside = uris.some((uri) => /^[a-z][a-z0-9+.-]*:|^\/\//i.test(uri) || fileOf(at, uri) === '')
  if (outside) {
    throw new StreamError('upstream-failed', 'the playlist names absolute URLs: players would go past the paywall')
  }
}

async function textOf(answer: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_PLAYLIST_BYTES) throw new StreamError('upstream-failed', 'the playlist is too large')
  }
  return text + decoder.decode()
}
