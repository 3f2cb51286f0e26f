import type { Duplex } from 'node:stream'
import { purchaseOf } from '../buyer/purchase.ts'
import { reachOf } from '../buyer/requests/privateHosts.ts'
import { type OwnSending, SEND, SENT } from '../buyer/requests/sending.ts'
import { openWebSocket, type PaidWebSocket } from '../buyer/requests/websocket.ts'
import { unreachable } from '../buyer/trade/control.ts'
import { StreamError } from '../errors/error.ts'
import { protocolsOf } from '../gateway/websocket/upstream.ts'
import { type RunningServer, serve } from '../seller/adapters/node.ts'
import { knownResponse, readResponse, takeReader } from '../seller/adapters/response.ts'
import { PROBLEM_TYPE, toProblem } from '../wire/problem.ts'
import { followed } from './answer.ts'
import type { Caller, Callers } from './callers.ts'
import { dryAnswer } from './dryRun.ts'
import { Entry } from './entry.ts'
import { AGREEMENT_HEADER, ownAuthorization, REQUEST_HEADER, requestHeaders } from './headers.ts'
import { problemOf } from './problem.ts'
import type { Purses } from './purses.ts'
import type { Reachable } from './reach.ts'
import { type LiveRequest, type RequestEvent, Requests } from './requests.ts'
import { acceptSockets } from './sockets.ts'
import { isForProxy, readTarget, redirectedTo, type Target } from './target.ts'
import { Upload } from './upload.ts'
import type { Upstream } from './upstream.ts'

/** Answers what is asked of the process itself, below `/.streampay/v1/`; `undefined` where it knows nothing of it. */
export type ApiHandler = (request: Request, caller: Caller) => Promise<Response | undefined>

export interface ProxyOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Listens to other machines too, in plain http. */
  readonly insecure: boolean
  /** Names besides loopback under which it may be asked. */
  readonly hosts: readonly string[]
  /** Where paths of this server lead. */
  readonly to: URL | undefined
  /** Whether redirects from `to` to other hosts are followed. */
  readonly location: boolean
  readonly requireToken: boolean
  /** Answers what would be paid, and pays nothing. */
  readonly dryRun: boolean
  /** The owner's token. */
  readonly token: string
  readonly callers: Callers
  readonly purses: Purses
  readonly upstream: Upstream
  readonly reachable: Reachable
  readonly api?: ApiHandler
  readonly onEvent: (event: RequestEvent) => void
  /** Told of what fails where no request does. */
  readonly onError: (error: unknown) => void
}

export interface PayingProxy {
  readonly url: string
  readonly port: number
  readonly requests: Requests
  /** Stops listening; what runs has a second to end, and is then cut off. */
  close(): Promise<void>
}

const OWN = '/.streampay/'
const API = `${OWN}v1/`
const REQUESTS = `${OWN}requests/`
/** Of one caller at once: each holds a connection, and perhaps a body. */
const MAX_AT_ONCE = 256
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/**
 * A local HTTP proxy that pays for whatever goes through it.
 * @throws StreamError `transport-insecure`; the system's error, such as EADDRINUSE
 */
export async function openProxy(options: ProxyOptions): Promise<PayingProxy> {
  const { host, port, insecure, onError, reachable } = options
  const handler = new Handler(options)
  const running = await serve((request) => handler.handle(request), { host, port, insecure, onError })
  reachable.own = { host, port: running.port }
  refuseTunnels(running)
  const sockets = acceptSockets(running.server, handler)
  return {
    url: running.url,
    port: running.port,
    requests: handler.requests,
    close: async () => {
      sockets.close()
      await running.close()
    },
  }
}

/** What goes through a tunnel is encrypted for its ends, and cannot be paid for. */
function refuseTunnels({ server }: RunningServer): void {
  const text =
    'a tunnel (CONNECT) cannot be paid for: ask for http://THIS-PROXY/pay/https://HOST/PATH, or leave https out of the proxy settings'
  const body = JSON.stringify({ ...toProblem(new StreamError('target-refused', text)), status: 405 })
  server.on('connect', (_request: unknown, socket: Duplex) => {
    socket.on('error', () => {})
    const head = `HTTP/1.1 405 Method Not Allowed\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`
    socket.end(head + body)
  })
}

class Handler {
  readonly requests: Requests
  readonly #options: ProxyOptions
  readonly #entry: Entry
  /** What this very process calls itself on the way: a request that bears it has come round. */
  readonly #via = `streampay-${crypto.randomUUID().slice(0, 8)}`

  constructor(options: ProxyOptions) {
    this.#options = options
    this.#entry = new Entry(options)
    this.requests = new Requests(options.onEvent)
  }

  async handle(request: Request): Promise<Response> {
    try {
      this.#entry.checkOrigin(request)
      if (!isForProxy(request)) {
        const { pathname } = new URL(request.url)
        if (pathname.startsWith(OWN)) return await this.#own(request, pathname)
      }
      return await this.#pass(request, this.#entry.caller(request))
    } catch (error) {
      return problemOf(error, request)
    }
  }

  /** What is asked of this process itself. */
  async #own(request: Request, pathname: string): Promise<Response> {
    if (pathname === `${OWN}health`) return json({ pid: process.pid })
    if (pathname.startsWith(REQUESTS) && request.method === 'GET') {
      // The id is told to nobody but who made the request.
      const record = this.requests.get(pathname.slice(REQUESTS.length))
      return record ? json(record) : json({ title: 'no such request is remembered', status: 404 }, 404)
    }
    if (pathname.startsWith(API) && this.#options.api) {
      const isOpen = pathname === `${API}openapi.json`
      const answer = await this.#options.api(request, this.#entry.caller(request, !isOpen))
      if (answer) return answer
    }
    return json({ title: 'there is nothing here', status: 404 }, 404)
  }

  /**
   * Opens the WebSocket that an upgrade asks for, paid like anything else.
   * @throws StreamError why there is none
   */
  async openSocket(request: Request): Promise<{ readonly socket: PaidWebSocket; readonly live: LiveRequest }> {
    this.#entry.checkOrigin(request)
    const caller = this.#entry.caller(request)
    const target = this.#target(request, caller)
    if (this.#options.dryRun) throw new StreamError('request-refused', 'a dry run opens no WebSockets')
    const live = this.requests.begin(caller.name, 'WebSocket', target.url)
    try {
      const headers = requestHeaders(request, this.#via)
      for (const name of [...headers.keys()]) if (name.startsWith('sec-websocket-')) headers.delete(name)
      const socket = await openWebSocket(this.#options.purses.of(caller), target.url, {
        headers: Object.fromEntries(headers),
        protocols: protocolsOf(request),
        signal: request.signal,
        lookup: this.#options.upstream.lookup,
      })
      return { socket, live }
    } catch (error) {
      live.fail(error)
      throw error
    }
  }

  /** Where a request leads, if its caller may go there, and no more run than may. @throws StreamError `target-refused`, `too-many-streams` */
  #target(request: Request, caller: Caller): Target {
    const { to, reachable } = this.#options
    const target = readTarget(request, to)
    if ((request.headers.get('via') ?? '').includes(this.#via)) {
      throw new StreamError('target-refused', 'the request has come back to this proxy')
    }
    reachable.check(target.url)
    const { hosts } = caller.limits
    if (hosts && !Object.hasOwn(hosts, target.url.host)) {
      throw new StreamError('target-refused', `${caller.name} may not go to ${target.url.host}`)
    }
    if (this.requests.running(caller.name) >= MAX_AT_ONCE) {
      throw new StreamError('too-many-streams', `${MAX_AT_ONCE} requests of ${caller.name} run already`)
    }
    return target
  }

  async #pass(request: Request, caller: Caller): Promise<Response> {
    const target = this.#target(request, caller)
    const live = this.requests.begin(caller.name, request.method, target.url)
    try {
      const response = await this.#send(request, caller, target)
      return await this.#answer(request, target, response, live)
    } catch (error) {
      if (request.signal.aborted) live.end('left')
      else live.fail(error)
      return problemOf(error, request, live)
    }
  }

  async #send(request: Request, caller: Caller, target: Target): Promise<Response> {
    const { upstream, purses, dryRun } = this.#options
    const { method, signal } = request
    const body = await Upload.of(request)
    const headers = requestHeaders(request, this.#via)
    // A key that a client has to send is for the place that it was made for, and not for whoever --to names.
    const key = target.way === 'to' ? undefined : ownAuthorization(request)
    const send = (url: URL, init: RequestInit): Promise<Response> => {
      const sent = new Headers(init.headers)
      if (key !== undefined && !sent.has('authorization') && url.origin === target.url.origin)
        sent.set('authorization', key)
      return upstream.send(url, {
        method: init.method ?? method,
        headers: sent,
        body,
        signal: init.signal ?? undefined,
      })
    }
    if (dryRun) {
      const sent = send(target.url, { method, headers, signal })
      return dryAnswer(await sent.catch((error) => Promise.reject(unreachable(target.url.href, error))))
    }
    const length = body === undefined ? 0n : body instanceof Upload ? body.length : undefined
    const init: OwnSending = {
      method,
      headers,
      signal,
      redirect: 'manual',
      ...(body instanceof Uint8Array && { body: body as Uint8Array<ArrayBuffer> }),
      [SEND]: send,
      ...(length !== undefined && { [SENT]: length }),
    }
    return purses.of(caller).fetch(target.url, init)
  }

  async #answer(request: Request, target: Target, response: Response, live: LiveRequest): Promise<Response> {
    const purchase = purchaseOf(response)
    const { status, statusText } = response
    live.answered(status, purchase)
    const headers = new Headers(response.headers)
    headers.set(REQUEST_HEADER, live.id)
    if (purchase) headers.set(AGREEMENT_HEADER, purchase.agreement)
    const location = REDIRECTS.has(status) ? headers.get('location') : null
    if (location !== null) {
      try {
        await this.#redirect(target, location, headers)
      } catch (error) {
        await response.body?.cancel().catch(() => {})
        throw error
      }
    }
    // A page that a seller wrote is none of this proxy's own, and must not ask for more by itself.
    if (target.way !== 'forward' && request.headers.get('sec-fetch-mode') === 'navigate') {
      headers.append('content-security-policy', 'sandbox allow-scripts allow-forms allow-downloads')
    }
    const init = { status, statusText, headers }
    const reader = response.body === null || request.method === 'HEAD' ? null : takeReader(response)
    if (!reader) {
      live.end('done')
      return knownResponse(null, init)
    }
    const isEvents =
      /^text\/event-stream\b/i.test(headers.get('content-type') ?? '') && !headers.has('content-encoding')
    return readResponse(followed(reader, live, isEvents), init)
  }

  /**
   * A client that follows a redirect comes back here, so that the next place is paid as this one: where it may not go, it is not told.
   * @throws StreamError `redirect-refused`
   */
  async #redirect(target: Target, location: string, headers: Headers): Promise<void> {
    const { to, reachable } = this.#options
    const next = URL.parse(location, target.url)
    const refused = (why: string) =>
      new StreamError('redirect-refused', `a redirect was not passed on: ${why}`, {
        from: target.url.origin,
        location: location.slice(0, 2048),
      })
    if (!next || !/^https?:$/.test(next.protocol)) throw refused('it leads to what is no http address')
    if (next.origin !== target.url.origin) {
      if (target.way === 'to' && !this.#options.location) throw refused('it leads from the one seller to another host')
      if ((await reachOf(next.hostname)) !== 'public' && (await reachOf(target.url.hostname)) !== 'private') {
        throw refused('it leads into a private network')
      }
      reachable.check(next)
    }
    headers.set('location', redirectedTo(target, to, next) ?? location)
  }
}

const json = (value: unknown, status = 200): Response =>
  knownResponse(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
