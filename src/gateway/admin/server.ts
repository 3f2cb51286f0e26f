import { join } from 'node:path'
import { StreamError, toStreamError } from '../../errors/error.ts'
import { serve } from '../../seller/adapters/node.ts'
import { addressOf } from '../../seller/adapters/request.ts'
import { isLoopback, isLoopbackHost } from '../../wire/loopback.ts'
import { Metrics } from '../metrics.ts'
import { Collector } from '../stats/collector.ts'
import { snapshot } from '../stats/snapshot.ts'
import { StatsStore } from '../stats/store.ts'
import { Wallets } from '../stats/wallet.ts'
import type { Watched } from '../watched.ts'
import { answer, isRefusal, json, refuse } from './answers.ts'
import { buyersCsv, limitedText, prices, revenue, revenueCsv, session, setPrice } from './api.ts'
import { Assets } from './assets.ts'
import { Entry, type Visitor } from './entry.ts'
import { Live } from './live.ts'
import { keptToken } from './token.ts'

export interface AdminOptions {
  /** What is shown: a `Gateway`. */
  readonly gateway: Watched
  /** The TCP port; 0 takes a free one. */
  readonly port: number
  /** A loopback address; 127.0.0.1 by default. From elsewhere: a tunnel, such as `ssh -L`. */
  readonly host?: string
  /** A folder for the token and what is remembered, made with mode 0700. */
  readonly home: string
  /** Told of what fails in the dashboard itself. Nobody by default. */
  readonly onError?: (error: StreamError) => void
}

export interface Admin {
  readonly url: string
  /** `url` with the token behind `#`, which no browser sends to any server: what a person opens. A secret. */
  readonly link: string
  readonly port: number
  readonly token: string
  readonly collector: Collector
  close(): Promise<void>
}

const MAX_LOGIN = 1024

/**
 * The dashboard of a gateway, on a port of its own, for whoever has the token.
 * @throws StreamError `transport-insecure` for a host that others hear, `ledger-failed` for a file that cannot be used; the system's error, such as EADDRINUSE
 * @example const { link } = await openAdmin({ gateway, port: 2403, home: './state' })
 */
export async function openAdmin(options: AdminOptions): Promise<Admin> {
  const { gateway, host = '127.0.0.1', home, onError = () => {} } = options
  if (!isLoopbackHost(host)) {
    throw new StreamError(
      'transport-insecure',
      `the dashboard listens on loopback only, not on ${host}: use a tunnel`,
      { host },
    )
  }
  const token = keptToken(join(home, 'dashboard-token'))
  const store = new StatsStore(join(home, 'dashboard.db'))
  const collector = new Collector(gateway, store, onError)
  const wallets = new Wallets(gateway)
  const metrics = new Metrics(gateway)
  const state = () => snapshot(collector, wallets, Date.now())
  const live = new Live(state)
  const parts: Parts = { collector, live, metrics, wallets, assets: new Assets(), state, entry: undefined }
  const server = await serve((request) => route(parts, request), {
    port: options.port,
    host,
    onError: (error) => onError(toStreamError(error)),
  }).catch((error) => {
    end()
    throw error
  })
  // The port is part of the cookie's name, and is known only now.
  parts.entry = new Entry(token, server.port)
  function end(): void {
    live.close()
    wallets.close()
    metrics.close()
    collector.close()
    store.close()
  }
  return {
    url: server.url,
    link: `${server.url}/#${token}`,
    port: server.port,
    token,
    collector,
    async close() {
      await server.close(0)
      end()
    },
  }
}

interface Parts {
  readonly collector: Collector
  readonly live: Live
  readonly metrics: Metrics
  readonly wallets: Wallets
  readonly assets: Assets
  readonly state: () => ReturnType<typeof snapshot>
  entry: Entry | undefined
}

async function route(parts: Parts, request: Request): Promise<Response> {
  const { entry, assets } = parts
  // A name that somebody else's DNS leads here is no name of ours: its pages would be of one origin with this.
  if (!entry || !isLoopback(request.url)) return json({ error: 'ask for it by its loopback address' }, { status: 403 })
  const url = new URL(request.url)
  const is = (method: string, path: string) => request.method === method && url.pathname === path
  if (is('GET', '/')) return assets.page()
  const asset = request.method === 'GET' && /^\/page\/(.+)$/.exec(url.pathname)?.[1]
  if (asset) return assets.get(asset) ?? notFound()
  if (is('POST', '/login')) return login(entry, request)
  const visitor = entry.visitor(request)
  if (isRefusal(visitor)) return refuse(visitor)
  if (request.method === 'GET') return see(parts, url, visitor)
  const refusal = entry.mayChange(request, visitor)
  if (refusal) return refuse(refusal)
  if (is('POST', '/api/price')) {
    return setPrice(parts.collector, request, `${visitor.by} at ${addressOf(request) ?? 'an unknown address'}`)
  }
  if (is('POST', '/logout')) return json({}, { headers: { 'set-cookie': entry.logout() } })
  return notFound()
}

function see(parts: Parts, url: URL, visitor: Visitor): Response {
  const { collector, live, metrics, wallets } = parts
  switch (url.pathname) {
    case '/api/session':
      return session(parts.state(), visitor.by === 'browser' ? visitor.csrf : '')
    case '/api/state':
      return json(parts.state())
    case '/api/live':
      return live.watch() ?? refuse({ status: 429, reason: 'too many pages are open', retryAfterMs: 5000 })
    case '/api/revenue':
      return revenue(collector, url, Date.now())
    case '/api/revenue.csv':
      return revenueCsv(collector, url, Date.now())
    case '/api/buyers.csv':
      return buyersCsv(collector)
    case '/api/prices':
      return prices(collector)
    case '/metrics':
      return answer(metrics.text(collector, wallets), 'text/plain; version=0.0.4; charset=utf-8')
    default:
      return notFound()
  }
}

const notFound = (): Response => json({ error: 'there is nothing here' }, { status: 404 })

async function login(entry: Entry, request: Request): Promise<Response> {
  // A form of another site can send text, and no JSON without asking first.
  if (!/^application\/json\b/.test(request.headers.get('content-type') ?? '')) {
    return json({ error: 'the token is sent as JSON' }, { status: 415 })
  }
  const text = await limitedText(request, MAX_LOGIN).catch(() => '')
  const token = /^\{\s*"token"\s*:\s*"([^"\\]{1,200})"\s*\}$/.exec(text)?.[1] ?? ''
  const entered = entry.login(token)
  return isRefusal(entered) ? refuse(entered) : json({}, { headers: { 'set-cookie': entered.cookie } })
}
