import { MAX_SEGMENTS, type Playlist } from './hls.ts'
import { Recent } from './recent.ts'

/** Files of a kind that are known at once, over all playlists: a live stream names new ones for as long as it runs. */
const MAX_KNOWN = 10 * MAX_SEGMENTS

/**
 * What the playlists say about the files beside them: which are segments, how long each plays, and which cost nothing. Files are named by
 * their path and query, as a request names them.
 */
export class Catalog {
  readonly #ms: Recent<number>
  readonly #free: Recent<true>
  readonly #renditions: Recent<true>

  constructor(most = MAX_KNOWN) {
    this.#ms = new Recent(most)
    this.#free = new Recent(most)
    this.#renditions = new Recent(most)
  }

  /** How long a segment plays; `undefined` for what is none. */
  ms(file: string): number | undefined {
    return this.#ms.get(file)
  }

  /** Whether a playlist named it as something that comes without a price. */
  isFree(file: string): boolean {
    return this.#free.get(file) === true
  }

  /** Takes up what a playlist at the URL `at` names. Returns the playlists that it names itself. */
  learn(at: string, playlist: Playlist): string[] {
    if (playlist.kind === 'master') {
      for (const uri of playlist.renditions) this.#renditions.set(fileOf(at, uri), true)
      return [...playlist.variants, ...playlist.renditions].map((uri) => fileOf(at, uri))
    }
    for (const uri of playlist.extras) this.#free.set(fileOf(at, uri), true)
    // The picture is what is paid; its sound and subtitles, where they come apart, come with it.
    const own = fileOf(at, at)
    if (this.#renditions.get(own)) {
      // While somebody plays it, it does not become something that is paid.
      this.#renditions.set(own, true)
      for (const { uri } of playlist.segments) this.#free.set(fileOf(at, uri), true)
      return []
    }
    const sums = new Map<string, number>()
    // Several segments may be ranges of one file: a range of it costs its part of their sum.
    for (const { uri, ms } of playlist.segments) sums.set(fileOf(at, uri), (sums.get(fileOf(at, uri)) ?? 0) + ms)
    for (const [file, ms] of sums) this.#ms.set(file, ms)
    return []
  }
}

/** A URI in a playlist as a request names it: its path and query. */
export function fileOf(at: string, uri: string): string {
  const base = new URL(at, 'http://stream.invalid')
  if (!URL.canParse(uri, base)) return ''
  const url = new URL(uri, base)
  return url.host === base.host ? url.pathname + url.search : ''
}
