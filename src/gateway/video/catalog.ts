import { MAX_SEGMENTS, type Playlist } from './hls.ts'

/** Segments that are known at once, over all playlists: the ones that were named longest ago are forgotten first. */
const MAX_KNOWN = 10 * MAX_SEGMENTS

/**
 * What the playlists say about the files beside them: which are segments, how long each plays, and which cost nothing. Files are named by
 * their path and query, as a request names them.
 */
export class Catalog {
  readonly #ms = new Map<string, number>()
  readonly #free = new Set<string>()
  readonly #renditions = new Set<string>()

  /** How long a segment plays; `undefined` for what is none. */
  ms(file: string): number | undefined {
    return this.#ms.get(file)
  }

  /** Whether a playlist named it as something that comes without a price. */
  isFree(file: string): boolean {
    return this.#free.has(file)
  }

  /** Takes up what a playlist at the URL `at` names. Returns the playlists that it names itself. */
  learn(at: string, playlist: Playlist): string[] {
    if (playlist.kind === 'master') {
      for (const uri of playlist.renditions) this.#renditions.add(fileOf(at, uri))
      return [...playlist.variants, ...playlist.renditions].map((uri) => fileOf(at, uri))
    }
    for (const uri of playlist.extras) this.#free.add(fileOf(at, uri))
    // The picture is what is paid; its sound and subtitles, where they come apart, come with it.
    if (this.#renditions.has(fileOf(at, at))) {
      for (const { uri } of playlist.segments) this.#free.add(fileOf(at, uri))
      return []
    }
    const sums = new Map<string, number>()
    // Several segments may be ranges of one file: a range of it costs its part of their sum.
    for (const { uri, ms } of playlist.segments) sums.set(fileOf(at, uri), (sums.get(fileOf(at, uri)) ?? 0) + ms)
    for (const [file, ms] of sums) this.price(file, ms)
    return []
  }

  price(file: string, ms: number): void {
    this.#ms.delete(file)
    this.#ms.set(file, ms)
    for (const oldest of this.#ms.keys()) {
      if (this.#ms.size <= MAX_KNOWN) return
      this.#ms.delete(oldest)
    }
  }
}

/** A URI in a playlist as a request names it: its path and query. */
export function fileOf(at: string, uri: string): string {
  const base = new URL(at, 'http://stream.invalid')
  if (!URL.canParse(uri, base)) return ''
  const url = new URL(uri, base)
  return url.host === base.host ? url.pathname + url.search : ''
}
