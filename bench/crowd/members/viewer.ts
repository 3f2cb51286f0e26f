import { readPlaylist, type Segment } from '../../../src/gateway/video/hls.ts'
import { Playing } from './gaps.ts'
import type { Member } from './member.ts'
import type { RunOrder } from './orders.ts'

/** Players load so far ahead. */
const BUFFER_MS = 6000

/** Plays the film at its speed, over and over: its playlist, and then one segment after the other, a little ahead of the picture. */
export class Viewer {
  readonly kind = 'viewer'
  readonly member: Member
  readonly stalls = new Playing()
  readonly #url: string
  readonly #leave = new AbortController()
  /** Ms of playing time that were loaded. */
  got = 0
  firstMs: number | undefined
  reading = false

  constructor(member: Member, { url }: RunOrder) {
    this.member = member
    this.#url = `${url}/film/index.m3u8`
  }

  async run(): Promise<void> {
    const startedAt = performance.now()
    try {
      const { list, segments } = await this.#playlist()
      for (let next = 0; !this.#leave.signal.aborted; next++) {
        const { uri, ms } = segments[next % segments.length]!
        await (await this.#get(new URL(uri, list))).arrayBuffer()
        const now = performance.now()
        this.reading = true
        this.firstMs ??= now - startedAt
        this.stalls.loaded(ms, now)
        this.got += ms
        await this.#pause(this.stalls.bufferedMs(performance.now()) - BUFFER_MS)
      }
    } catch (error) {
      if (!this.#leave.signal.aborted) this.member.failed(error)
    }
    this.reading = false
  }

  leave(): void {
    this.stalls.end(performance.now())
    this.#leave.abort()
  }

  async #playlist(): Promise<{ list: URL; segments: readonly Segment[] }> {
    const master = readPlaylist(await (await this.#get(new URL(this.#url))).text())
    if (master.kind !== 'master') throw new Error('the film has no master playlist')
    const list = new URL(master.variants[0]!, this.#url)
    const media = readPlaylist(await (await this.#get(list)).text())
    if (media.kind !== 'media') throw new Error('the film has no segments')
    return { list, segments: media.segments }
  }

  async #get(url: URL): Promise<Response> {
    const response = await this.member.fetch(url, { signal: this.#leave.signal })
    if (!response.ok) throw new Error(`${url.pathname} was answered with ${response.status}`)
    return response
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#leave.signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}
