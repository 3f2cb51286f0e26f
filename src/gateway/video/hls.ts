import { StreamError } from '../../errors/error.ts'

/** A segment as its playlist names it. */
export interface Segment {
  /** Relative to the playlist, or absolute. */
  readonly uri: string
  /** How long it plays, in whole ms, rounded down: less than 1 ms of a segment is given away. */
  readonly ms: number
}

export type Playlist =
  /** `renditions`: audio and subtitles that belong to the picture, which is what is paid. */
  | { readonly kind: 'master'; readonly variants: readonly string[]; readonly renditions: readonly string[] }
  /** `extras`: what a player needs before the first segment (initialization, keys). */
  | { readonly kind: 'media'; readonly segments: readonly Segment[]; readonly extras: readonly string[] }

/** A day in segments of 2 s. */
export const MAX_SEGMENTS = 43_200
export const MAX_PLAYLIST_BYTES = 8 << 20
/** Ten for each segment: a playlist of nothing but ends of lines would keep everybody else waiting. */
const MAX_LINES = 10 * MAX_SEGMENTS
const MAX_URI = 4096
const MAX_OTHERS = 1000
/** No segment plays longer: an hour is a whole file. */
const MAX_SECONDS = 3600
const ATTRIBUTE_URI = /(?:^|[:,])URI="([^"]*)"/
const DURATION = /^(\d{1,5})(?:\.(\d{1,12}))?(?:,|$)/

/**
 * Reads an HLS playlist (RFC 8216) as far as it says what is to be paid: which segments there are and how long each plays.
 * @throws StreamError `upstream-failed` for what is no playlist, or too large a one
 * @example readPlaylist('#EXTM3U\n#EXTINF:2.002,\n00001.m4s\n')
 */
export function readPlaylist(text: string): Playlist {
  if (text.length > MAX_PLAYLIST_BYTES) throw unusable(`is larger than ${MAX_PLAYLIST_BYTES} bytes`)
  const lines = text.split(/\r?\n/, MAX_LINES + 1)
  if (lines.length > MAX_LINES) throw unusable(`has more than ${MAX_LINES} lines`)
  if (lines[0]?.replace(/^\uFEFF/, '').trim() !== '#EXTM3U') throw unusable('does not begin with #EXTM3U')
  const variants: string[] = []
  const renditions: string[] = []
  const segments: Segment[] = []
  const extras: string[] = []
  let ms: number | undefined
  let isVariant = false
  for (const raw of lines) {
    const line = raw.trim()
    if (line.startsWith('#EXTINF:')) ms = durationMs(line.slice('#EXTINF:'.length))
    else if (line.startsWith('#EXT-X-PART:')) {
      const seconds = /(?:^|[:,])DURATION=([\d.]{1,20})/.exec(line)?.[1]
      segments.push({ uri: attributeUri(line) ?? '', ms: durationMs(seconds ?? '') })
    } else if (line.startsWith('#EXT-X-STREAM-INF:')) isVariant = true
    else if (line.startsWith('#EXT-X-MEDIA:')) push(renditions, attributeUri(line))
    else if (line.startsWith('#EXT-X-I-FRAME-STREAM-INF:')) push(variants, attributeUri(line))
    else if (/^#EXT-X-(?:MAP|KEY|SESSION-KEY):/.test(line)) push(extras, attributeUri(line))
    else if (line !== '' && !line.startsWith('#')) {
      if (isVariant) push(variants, line)
      else if (ms !== undefined) segments.push({ uri: line.slice(0, MAX_URI), ms })
      isVariant = false
      ms = undefined
    }
    if (segments.length > MAX_SEGMENTS) throw unusable(`names more than ${MAX_SEGMENTS} segments`)
    if (variants.length + renditions.length + extras.length > MAX_OTHERS) throw unusable('names too many streams')
  }
  return variants.length > 0 ? { kind: 'master', variants, renditions } : { kind: 'media', segments, extras }
}

function durationMs(text: string): number {
  const match = DURATION.exec(text.trim())
  if (!match || Number(match[1]) > MAX_SECONDS) throw unusable(`has a segment of "${text.slice(0, 20)}" seconds`)
  return Number(match[1]) * 1000 + Number((match[2] ?? '').padEnd(3, '0').slice(0, 3))
}

const attributeUri = (line: string): string | undefined => ATTRIBUTE_URI.exec(line)?.[1]?.slice(0, MAX_URI)

function push(list: string[], uri: string | undefined): void {
  if (uri) list.push(uri)
}

const unusable = (why: string): StreamError => new StreamError('upstream-failed', `the HLS playlist ${why}`)
