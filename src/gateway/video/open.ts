import { readdirSync, statSync } from 'node:fs'
import { open, readdir, realpath } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { serveFile, serveFolder } from '../../seller/sources/folder.ts'
import { proxyTo } from '../../seller/sources/upstream.ts'
import { hasFfmpeg } from './ffmpeg.ts'
import { mp4DurationMs } from './mp4.ts'
import { packageFilm } from './package.ts'
import { type Film, fileSource, streamSource, type VideoSource } from './source.ts'

export interface VideoOptions {
  /** Where packaged films are kept. */
  readonly cache: string
  readonly heights?: readonly number[]
  readonly signal?: AbortSignal
  readonly onProgress?: (film: string, share: number) => void
  /** Told of each film of a folder that is left out because it cannot be packaged; where none is left, the folder is refused. */
  readonly onLeftOut?: (error: StreamError) => void
  /** Found by looking, by default. */
  readonly ffmpeg?: boolean
}

const FILM = /\.(?:mp4|m4v|mov|mkv|webm|avi|mpg|mpeg)$/i
const PLAYLIST = /\.(?:m3u8|mpd)$/i
const MAX_FILMS = 1000

/** Whether a target is something that plays: a film, a folder with films or a playlist in it, a playlist, or the URL of one. */
export function isVideo(target: string): boolean {
  if (/^https?:\/\//i.test(target)) return URL.canParse(target) && PLAYLIST.test(new URL(target).pathname)
  if (!statSync(target, { throwIfNoEntry: false })?.isDirectory()) return FILM.test(target) || PLAYLIST.test(target)
  return readdirSync(target).some((name) => !name.startsWith('.') && (FILM.test(name) || PLAYLIST.test(name)))
}

/**
 * Opens what plays: a film or a folder of films (packaged by `ffmpeg`), a folder with an HLS or DASH stream, or the URL of its playlist.
 * Without `ffmpeg` an MP4 is sold by its bytes, each for its part of the film's time.
 * @throws StreamError `option-invalid`
 */
export async function openVideo(target: string, options: VideoOptions): Promise<VideoSource> {
  if (/^https?:\/\//i.test(target)) {
    const url = new URL(target)
    const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
    const playlist = `/${name}${url.search}`
    return streamSource(proxyTo(new URL('.', url).href), [playlist], streams([playlist], url.host))
  }
  const path = await realpath(target).catch(() => {
    throw new StreamError('option-invalid', `${target} does not exist; sell a film, a folder or the URL of a playlist`)
  })
  if (!statSync(path).isDirectory()) return PLAYLIST.test(path) ? openStream(join(path, '..')) : openFilm(path, options)
  const names = (await readdir(path)).filter((name) => !name.startsWith('.'))
  if (names.some((name) => PLAYLIST.test(name))) return openStream(path)
  const films = names.filter((name) => FILM.test(name)).sort()
  if (films.length === 0) throw new StreamError('option-invalid', `${path} holds neither films nor a playlist`)
  if (films.length > MAX_FILMS) throw new StreamError('option-invalid', `${path} holds more than ${MAX_FILMS} films`)
  const sources = new Map<string, VideoSource>()
  let last: StreamError | undefined
  for (const name of films) {
    try {
      sources.set(name, await openFilm(join(path, name), options))
    } catch (error) {
      // A stop is no fault of the film's.
      if (options.signal?.aborted || !(error instanceof StreamError)) throw error
      last = error
      options.onLeftOut?.(error)
    }
  }
  if (sources.size === 0) throw last
  return shelf(sources)
}

async function openStream(folder: string): Promise<VideoSource> {
  const names = (await readdir(folder)).filter((name) => PLAYLIST.test(name))
  const playlists = names.map((name) => `/${encodeURIComponent(name)}`).slice(0, MAX_FILMS)
  return streamSource(serveFolder(folder), playlists, streams(playlists, basename(folder)))
}

/** Beside one of these lie the playlists that it names. */
const MAIN_PLAYLIST = /^\/(?:index|master|main|playlist)\.m3u8(?:\?|$)/i

/** What can be watched of a stream: its main playlist, or each if none is. Pages play HLS, and not DASH. */
function streams(playlists: readonly string[], title: string): Film[] {
  const hls = playlists.filter((path) => /\.m3u8(?:\?|$)/i.test(path))
  if (hls.length === 0) return [{ title }]
  const main = hls.length === 1 ? hls[0] : hls.find((path) => MAIN_PLAYLIST.test(path))
  if (main !== undefined) return [{ title, playlist: main }]
  return hls.map((playlist) => ({ title: parse(decode(playlist)).name, playlist }))
}

async function openFilm(path: string, options: VideoOptions): Promise<VideoSource> {
  // A name may hold anything, and is shown on a terminal.
  const name = basename(path).replace(/\p{Cc}/gu, '?')
  if (options.ffmpeg ?? hasFfmpeg()) {
    const { cache, heights, signal, onProgress } = options
    const folder = await packageFilm(path, {
      cache,
      ...(heights && { heights }),
      ...(signal && { signal }),
      ...(onProgress && { onProgress: (share: number) => onProgress(name, share) }),
    }).catch((error: unknown) => {
      if (signal?.aborted || !(error instanceof StreamError) || error.code !== 'option-invalid') throw error
      throw new StreamError('option-invalid', `${name} cannot be sold as a film: ${error.message}`, {}, error)
    })
    const film = { title: parse(path).name, playlist: '/index.m3u8', poster: '/poster.jpg' }
    return streamSource(serveFolder(folder), [film.playlist], [film])
  }
  const file = await open(path)
  const { size } = statSync(path)
  const readAt = async (at: number, length: number) => {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, at)
    return buffer.subarray(0, bytesRead)
  }
  const ms = await mp4DurationMs(readAt, size).finally(() => file.close())
  if (ms !== undefined) return fileSource(serveFile(path), { ms, size }, [{ title: parse(path).name }])
  const reason = `ffmpeg is not installed, and ${name} does not say how long it plays`
  throw new StreamError('option-invalid', `${reason}: install ffmpeg, or give a price per byte, such as "1 sat/MiB"`)
}

/** Several films, each below its own name. */
function shelf(sources: ReadonlyMap<string, VideoSource>): VideoSource {
  const at = (request: Request) => {
    const url = new URL(request.url)
    const [, first = '', ...rest] = url.pathname.split('/')
    const source = sources.get(decode(first))
    url.pathname = `/${rest.join('/')}`
    return source && { source, inner: new Request(url, request), isWhole: rest.length === 0 }
  }
  const films = [...sources].flatMap(([name, source]) =>
    source.films.map(({ title, playlist, poster }): Film => {
      const below = (path: string) => `/${encodeURIComponent(name)}${path}`
      return {
        title,
        ...(playlist !== undefined && { playlist: below(playlist) }),
        ...(poster !== undefined && { poster: below(poster) }),
      }
    }),
  )
  return {
    films,
    async free(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/') return Response.json({ films: [...sources.keys()] })
      return at(request)?.source.free(at(request)!.inner) ?? new Response('not found\n', { status: 404 })
    },
    handler: (request, meter) => {
      const found = at(request)
      return found ? found.source.handler(found.inner, meter) : new Response('not found\n', { status: 404 })
    },
    entries: [...sources].flatMap(([name, { entries }]) =>
      (entries.length > 0 ? entries : ['']).map((entry) => `/${encodeURIComponent(name)}${entry}`),
    ),
    quality: (request) => at(request)?.source.quality(request),
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}
