import type { Rate } from '../../seller/buckets.ts'
import { TokenBucket } from '../../seller/buckets.ts'
import { Sessions, sameSecret } from './token.ts'

/** Who asks, and how it was known. */
export type Visitor =
  | { readonly by: 'browser'; readonly csrf: string }
  /** A program with the token in its header: no other site can make a browser send that. */
  | { readonly by: 'token' }

export type Refusal = { readonly status: 401 | 403 | 429; readonly reason: string; readonly retryAfterMs?: number }

/** Wrong guesses, of all together: one address could be as many as it likes on this machine. */
const GUESSES: Rate = { burst: 10, perSecond: 0.2 }
const MAX_COOKIES = 8192

/** Decides who may see the dashboard, and who may change something. */
export class Entry {
  readonly sessions: Sessions
  readonly #token: string
  readonly #cookie: string
  readonly #guesses: TokenBucket
  readonly #nowMs: () => number

  constructor(token: string, port: number, nowMs: () => number = () => performance.now()) {
    this.#token = token
    this.sessions = new Sessions(token)
    // Browsers do not tell the ports of a host apart when they send cookies.
    this.#cookie = `stream-dashboard-${port}`
    this.#nowMs = nowMs
    this.#guesses = new TokenBucket(GUESSES, nowMs())
  }

  /** The cookie of a new session, or why there is none. */
  login(token: string): { readonly cookie: string } | Refusal {
    const refusal = this.#try(token)
    if (refusal) return refusal
    const { sessions } = this
    const session = sessions.open(Date.now())
    return { cookie: `${this.#cookie}=${session}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${sessions.lifeSeconds}` }
  }

  logout(): string {
    return `${this.#cookie}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`
  }

  visitor(request: Request): Visitor | Refusal {
    const bearer = /^Bearer +(\S{1,200})$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    if (bearer !== undefined) return this.#try(bearer) ?? { by: 'token' }
    const session = this.#session(request)
    if (session === undefined || !this.sessions.holds(session, Date.now())) {
      return { status: 401, reason: 'open the link that the gateway printed, or send the token' }
    }
    return { by: 'browser', csrf: this.sessions.csrf(session) }
  }

  /** Whether a change was asked for by the page itself: no other site knows this session's word, and a browser says where it comes from. */
  mayChange(request: Request, visitor: Visitor): Refusal | undefined {
    if (visitor.by === 'token') return undefined
    const site = request.headers.get('sec-fetch-site')
    const origin = request.headers.get('origin')
    const elsewhere =
      (site !== null && site !== 'same-origin') || (origin !== null && origin !== new URL(request.url).origin)
    if (elsewhere || !sameSecret(request.headers.get('x-csrf-token') ?? '', visitor.csrf)) {
      return { status: 403, reason: 'this change was not asked for by the dashboard: load it again' }
    }
    return undefined
  }

  #session(request: Request): string | undefined {
    const header = (request.headers.get('cookie') ?? '').slice(0, MAX_COOKIES)
    const found = header.split(/; */).find((pair) => pair.startsWith(`${this.#cookie}=`))
    return found?.slice(this.#cookie.length + 1)
  }

  /** A guess is taken before it is looked at, and given back if it was right. */
  #try(token: string): Refusal | undefined {
    const waitMs = this.#guesses.take(1, this.#nowMs())
    if (waitMs > 0) return { status: 429, reason: 'too many wrong tokens: wait', retryAfterMs: waitMs }
    if (!sameSecret(token, this.#token)) return { status: 401, reason: 'this is not the token' }
    this.#guesses.giveBack(1)
    return undefined
  }
}
