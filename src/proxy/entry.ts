import { timingSafeEqual } from 'node:crypto'
import { StreamError } from '../errors/error.ts'
import { type Rate, TokenBucket } from '../seller/buckets.ts'
import { isLoopback } from '../wire/loopback.ts'
import { type Caller, type Callers, hashOf, isToken, TOKEN_PREFIX } from './callers.ts'
import { TOKEN_HEADER } from './headers.ts'
import { isForProxy } from './target.ts'

export interface EntryOptions {
  readonly callers: Callers
  /** The owner's token. */
  readonly token: string
  readonly requireToken: boolean
  /** Names besides those of loopback under which the proxy may be asked, where it listens to others. */
  readonly hosts: readonly string[]
}

/** Whoever names no caller. */
export const ANYONE: Caller = { name: 'anyone', isOwner: false, limits: {} }
const OWNER: Caller = { name: 'owner', isOwner: true, limits: {} }

/** Wrong tokens, of all together: one program could be as many as it likes on this machine. */
const GUESSES: Rate = { burst: 10, perSecond: 0.5 }
/** Tokens that were good are looked at whatever others guess. */
const MAX_KNOWN = 1000

/** Decides who asks, and whether it may ask at all. */
export class Entry {
  readonly #options: EntryOptions
  readonly #owner: Buffer
  readonly #guesses: TokenBucket
  readonly #known = new Set<string>()

  constructor(options: EntryOptions) {
    this.#options = options
    this.#owner = hashOf(options.token)
    this.#guesses = new TokenBucket(GUESSES, performance.now())
  }

  /**
   * Keeps web pages out, also those whose name somebody's DNS leads here. Programs send neither of these headers.
   * @throws StreamError `origin-refused`
   */
  checkOrigin(request: Request): void {
    const forProxy = isForProxy(request)
    const { headers } = request
    const url = new URL(request.url)
    if (!forProxy && !isLoopback(request.url) && !this.#options.hosts.includes(url.hostname)) {
      throw new StreamError('origin-refused', `${url.hostname} is no name of this proxy`)
    }
    const site = headers.get('sec-fetch-site')
    if (site === 'cross-site' || site === 'same-site') {
      throw new StreamError('origin-refused', 'the request comes from a page of another site')
    }
    const origin = headers.get('origin')
    if (origin === null || origin === url.origin) return
    throw new StreamError('origin-refused', `the request comes from a page of ${origin.slice(0, 200)}`)
  }

  /**
   * Who asks. Without a token it is anyone.
   * @param needsToken whether anyone will not do
   * @throws StreamError `token-unknown`, `rate-limited`
   */
  caller(request: Request, needsToken = this.#options.requireToken): Caller {
    const token = tokenOf(request.headers)
    if (token === undefined) {
      if (needsToken) throw new StreamError('token-unknown', 'this needs the token of a caller')
      return ANYONE
    }
    const hash = hashOf(token)
    const name = hash.toString('hex')
    // A token that was never good is not even looked at while too many are guessed.
    if (!this.#known.has(name)) this.#admit()
    const caller = timingSafeEqual(hash, this.#owner) ? OWNER : isToken(token) && this.#options.callers.find(token)
    if (caller) {
      if (!this.#known.has(name)) this.#guesses.giveBack(1)
      if (this.#known.size >= MAX_KNOWN) this.#known.clear()
      this.#known.add(name)
      return caller
    }
    this.#known.delete(name)
    throw new StreamError('token-unknown', 'no caller has this token')
  }

  #admit(): void {
    const waitMs = this.#guesses.take(1, performance.now())
    if (waitMs === 0) return
    const seconds = Math.ceil(waitMs / 1000)
    throw new StreamError('rate-limited', `too many wrong tokens: wait ${seconds} s`, { retryAfter: `${seconds}` })
  }
}

/** The token that a request brings, in whichever of its places. */
function tokenOf(headers: Headers): string | undefined {
  const own = headers.get(TOKEN_HEADER)
  if (own !== null) return own.trim()
  const forProxy = headers.get('proxy-authorization')
  if (forProxy !== null) return bearer(forProxy) ?? passwordOf(forProxy) ?? ''
  const key = bearer(headers.get('authorization') ?? '')
  return key?.startsWith(TOKEN_PREFIX) ? key : undefined
}

const bearer = (value: string): string | undefined => /^\s*Bearer +(\S{1,200})\s*$/i.exec(value)?.[1]

/** Clients that take a proxy as a URL know a name and a password: `http://name:spt_…@127.0.0.1:2404`. */
function passwordOf(value: string): string | undefined {
  const pair = /^\s*Basic +([A-Za-z\d+/=]{1,400})\s*$/i.exec(value)?.[1]
  if (pair === undefined) return undefined
  const text = Buffer.from(pair, 'base64').toString()
  return text.slice(text.indexOf(':') + 1)
}
