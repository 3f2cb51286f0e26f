import { StreamError } from '../../errors/error.ts'
import { utf8 } from '../../wire/encoding.ts'
import { lightningReceipt } from '../../wire/mpp/receipt.ts'
import { encodeSessionShort, formatSessionEvent } from '../../wire/mpp/session.ts'
import type { Account } from '../account.ts'
import { BODY_END, type BodyRead, type BodyReader } from '../adapters/response.ts'

/** An event longer than this is passed on in parts. */
const MAX_HELD = 64 << 10
const latin1 = new TextDecoder('latin1')
/** The end of an event (HTML, "Server-sent events"): an empty line. */
const BOUNDARY = /\r\n\r\n|\n\n|\r\r/g
const DONE = /(?:^|[\r\n])data: ?\[DONE\]/

export interface SessionStream {
  readonly account: Account
  /** Payment hash of the first deposit. */
  readonly sessionId: string
  /** What this stream cost so far. */
  readonly used: () => { readonly spentSats: bigint; readonly units: bigint }
}

/**
 * A stream of server-sent events under a session (draft-lightning-session, "Streaming"): says when the balance is used up and while it waits for a
 * top-up, why it ends where none comes, and before its end what it cost. Only whole events leave, so that ours never stand within one.
 */
export class SessionBody implements BodyReader {
  readonly #source: BodyReader
  readonly #stream: SessionStream
  #held: Uint8Array = new Uint8Array(0)
  #reading: Promise<BodyRead> | undefined
  readonly #ready: Uint8Array[] = []
  #over = false
  /** The buyer was told of this shortage. */
  #told = false
  #receipted = false
  /** Part of an event has left. */
  #within = false

  constructor(source: BodyReader, stream: SessionStream) {
    this.#source = source
    this.#stream = stream
  }

  async read(): Promise<BodyRead> {
    for (;;) {
      const value = this.#ready.shift()
      if (value) return { done: false, value }
      if (this.#over) return BODY_END
      await this.#next()
    }
  }

  cancel(reason?: unknown): Promise<void> {
    return this.#source.cancel(reason)
  }

  async #next(): Promise<void> {
    this.#reading ??= this.#source.read()
    try {
      const read = await this.#beforeShortage(this.#reading)
      if (read === 'short') {
        this.#told = true
        if (!this.#within) this.#say('payment-need-topup')
        return
      }
      this.#reading = undefined
      this.#told = false
      // What a close cut off must not look whole.
      if (read.done && this.#stream.account.closed) throw new StreamError('session-closed', 'the session was closed')
      if (read.done) this.#finish()
      else this.#pass(read.value)
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== 'grace-exceeded') throw error
      // What is held is no whole event, and of no use to anybody.
      if (!this.#within) this.#say('session-timeout')
      this.#over = true
    }
  }

  /** What is read; or that nothing more is covered, where that is so first and was not told. */
  async #beforeShortage(reading: Promise<BodyRead>): Promise<BodyRead | 'short'> {
    if (this.#told) return reading
    const { account } = this.#stream
    let unwatch = () => {}
    const short = new Promise<'short'>((resolve) => {
      const look = () => account.gate.shut && resolve('short')
      unwatch = account.watch(look)
      look()
    })
    try {
      return await Promise.race([reading, short])
    } finally {
      unwatch()
    }
  }

  #say(name: 'payment-need-topup' | 'session-timeout'): void {
    const { account, sessionId } = this.#stream
    const { gate } = account
    const due = sats(gate.due)
    const balance = { sessionId, balanceSpent: sats(gate.delivered), balanceRequired: due > 0n ? due : 1n }
    this.#ready.push(utf8(formatSessionEvent(name, encodeSessionShort(balance))))
  }

  #pass(chunk: Uint8Array): void {
    const bytes = joined(this.#held, chunk)
    const text = latin1.decode(bytes)
    const end = lastBoundary(text) || (text.length > MAX_HELD ? text.length : 0)
    this.#held = bytes.subarray(end)
    if (end === 0) return
    this.#within = !endsWhole(text.slice(0, end))
    const done = DONE.exec(text.slice(0, end))
    if (!done || this.#receipted) {
      this.#ready.push(bytes.subarray(0, end))
      return
    }
    const before = lastBoundary(text.slice(0, done.index + 1))
    if (before > 0) this.#ready.push(bytes.subarray(0, before))
    this.#receipt()
    this.#ready.push(bytes.subarray(before, end))
  }

  #finish(): void {
    this.#over = true
    const open = this.#held.byteLength > 0 || this.#within
    if (open) this.#ready.push(joined(this.#held, utf8('\n\n')))
    if (!this.#receipted) this.#receipt()
  }

  #receipt(): void {
    this.#receipted = true
    const { sessionId, used } = this.#stream
    const receipt = lightningReceipt({ reference: sessionId, timestampMs: Date.now(), used: used() })
    this.#ready.push(utf8(formatSessionEvent('payment-receipt', receipt)))
  }
}

const sats = (amount: bigint): bigint => (amount + 999n) / 1000n

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.byteLength === 0) return b
  const both = new Uint8Array(a.byteLength + b.byteLength)
  both.set(a)
  both.set(b, a.byteLength)
  return both
}

/** Where the last whole event of a text ends; 0 if there is none. */
function lastBoundary(text: string): number {
  let end = 0
  for (const match of text.matchAll(BOUNDARY)) end = match.index + match[0].length
  return end
}

const endsWhole = (text: string): boolean => lastBoundary(text) === text.length
