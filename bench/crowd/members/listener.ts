import { Gaps } from './gaps.ts'
import type { Member } from './member.ts'
import type { RunOrder } from './orders.ts'

const NEWLINE = 10
/** Longer than any run. */
const TOKENS = 10_000_000

/** Reads one answer of the model for as long as it is there. */
export class Listener {
  readonly kind = 'buyer'
  readonly member: Member
  readonly stalls: Gaps
  readonly #url: string
  readonly #leave = new AbortController()
  /** Tokens. */
  got = 0
  firstMs: number | undefined
  reading = false
  #newlines = 0

  constructor(member: Member, { url, gapMs }: RunOrder) {
    this.member = member
    this.stalls = new Gaps(gapMs)
    this.#url = `${url}/v1/chat/completions`
  }

  async run(): Promise<void> {
    const startedAt = performance.now()
    try {
      const { body, status } = await this.member.fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'stand-in',
          messages: [{ role: 'user', content: 'go on' }],
          stream: true,
          max_tokens: TOKENS,
        }),
        signal: this.#leave.signal,
      })
      if (status !== 200 || !body) throw new Error(`the model answered ${status}`)
      const reader = body.getReader()
      this.#leave.signal.addEventListener('abort', () => void reader.cancel().catch(() => {}))
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        const now = performance.now()
        this.reading = true
        this.firstMs ??= now - startedAt
        this.stalls.came(now)
        this.#count(value)
      }
      if (!this.#leave.signal.aborted) throw new Error('the answer ended by itself')
    } catch (error) {
      if (!this.#leave.signal.aborted) this.member.failed(error)
    }
    this.reading = false
  }

  leave(): void {
    this.stalls.end(performance.now())
    this.#leave.abort()
  }

  /** Every event of the stand-in is one token, and ends with an empty line. */
  #count(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#newlines = byte === NEWLINE ? this.#newlines + 1 : 0
      if (this.#newlines === 2) this.got++
    }
  }
}
