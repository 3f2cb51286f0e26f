import { join } from 'node:path'
import { toStreamError } from '../../errors/error.ts'
import type { SourceMaker } from '../../gateway/sources.ts'
import { type VideoHandler, videoSources } from '../../gateway/video/route.ts'
import { unlessAborted } from '../interrupt.ts'
import { cyan, dim, yellow } from '../output/colour.ts'
import type { Output } from '../output/output.ts'
import { stateHome } from '../state.ts'

const LINES_MS = 500
const MAX_LINKS = 5

/** The films of a sale, while they are packaged and when they cannot be. */
export class Films {
  readonly sources: SourceMaker
  readonly #output: Output
  readonly #lines = new Map<string, string>()
  readonly #videos: VideoHandler[] = []
  #url: string | undefined
  /** While somebody waits for them, what fails is theirs to tell. */
  #awaited = false

  constructor(output: Output) {
    this.#output = output
    this.sources = videoSources(join(stateHome(), 'video'), {
      onOpening: (route, video) => {
        this.#videos.push(video)
        const done = () => this.#lines.delete(route)
        video.opened.then(() => {
          done()
          this.#tellOf(video)
        }, done)
      },
      onProgress: (route, film, share) => {
        if (!this.#lines.has(route)) output.event('packaging', { route, film })
        this.#lines.set(route, `  packaging  ${film}  ${Math.floor(share * 100)} %  (once: it is kept)`)
      },
      onLeftOut: (_, error) => this.#trouble(error),
      onFailed: (_, error) => this.#awaited || this.#trouble(error),
    })
  }

  /** What is being packaged, for the panel. */
  get lines(): string[] {
    return [...this.#lines.values()]
  }

  /** Waits until all can be sold. @throws what keeps one from it, or the signal's reason */
  async ready(signal: AbortSignal): Promise<void> {
    const timer = setInterval(() => this.#output.live(this.lines), LINES_MS)
    this.#awaited = true
    try {
      await unlessAborted(Promise.all(this.#videos.map(({ opened }) => opened)), signal)
    } finally {
      this.#awaited = false
      clearInterval(timer)
      this.#output.live([])
    }
  }

  /** Tells where to watch what is packaged, now and later. */
  announce(url: string): void {
    this.#url = url
    for (const video of this.#videos) this.#tellOf(video)
  }

  #tellOf(video: VideoHandler): void {
    const entries = this.#url === undefined ? [] : video.entries()
    for (const entry of entries.slice(0, MAX_LINKS)) this.#output.say(`  watch    ${cyan(this.#url + entry)}`)
    if (entries.length > MAX_LINKS) this.#output.say(`           and ${entries.length - MAX_LINKS} more`)
    if (entries.length > 0) this.#output.event('watchable', { urls: entries.map((entry) => this.#url + entry) })
  }

  #trouble(error: unknown): void {
    const { code, message, hint } = toStreamError(error)
    this.#output.event('trouble', { code, message, hint })
    this.#output.say(`  ${yellow('trouble')}  ${message} ${dim(`(${code})`)}`)
  }
}
