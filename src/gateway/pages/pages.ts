import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type PageRoute, playerPage, tryPage } from './html.ts'

export type { PageRoute } from './html.ts'

const PREFIX = '/.stream/'
/** As built by `npm run build`: the same place from the sources and from the package. */
const BUILT = path.join(import.meta.dirname, '..', '..', '..', 'web', 'dist')
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}
/**
 * A page runs its own scripts and nothing else, asks this origin alone, and stands in no frame. Relays of wallets are reached over
 * WebSockets, wherever they are; those on this machine without TLS.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "media-src 'self' blob:",
  "connect-src 'self' wss: ws://127.0.0.1:* ws://localhost:*",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export interface PageOptions {
  /** Routes that have a page now. */
  routes(): readonly PageRoute[]
  /** Where the built scripts are; by default where `npm run build` puts them. */
  readonly built?: string
}

/**
 * Serves what lies under `/.stream/`: `app/*`, the built scripts and styles; `play/<route>/<path>`, the player of a video; `try/<route>`, where a model
 * is asked. `undefined` for every other path. Nothing here costs anything.
 * @example const answer = pages({ routes: () => [{ name: 'films', title: 'Films', kind: 'video' }] })
 */
export function pages({ routes, built = BUILT }: PageOptions): (request: Request) => Response | undefined {
  let files: ReadonlyMap<string, Uint8Array> | undefined
  return (request) => {
    const { pathname } = new URL(request.url)
    if (!pathname.startsWith(PREFIX)) return undefined
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET', { allow: 'GET, HEAD' })
    const [kind = '', name = '', ...rest] = pathname.slice(PREFIX.length).split('/')
    if (kind === 'app' && rest.length === 0) {
      // Read once, and only these names are served: no path leads out.
      files ??= readFiles(built)
      if (files.size === 0) return plain(503, 'the pages are not built: run npm run build')
      return asset(name, files.get(name))
    }
    const route = routes().find((one) => one.name === name)
    if (kind === 'play' && route?.kind === 'video') return html(playerPage(route, `/${rest.join('/')}`), 200)
    if (kind === 'try' && route?.kind === 'model' && rest.length === 0) return html(tryPage(route), 200)
    return plain(404, 'not found')
  }
}

/**
 * The player instead of a bare 402, for a browser that was sent to a video: status and challenge stay as they are.
 * @returns `refused` itself for anybody else
 */
export function withPage(request: Request, route: PageRoute, refused: Response): Response {
  const { method, headers } = request
  const wantsPage = method === 'GET' && /\btext\/html\b/.test(headers.get('accept') ?? '')
  if (refused.status !== 402 || route.kind !== 'video' || !wantsPage || headers.has('authorization')) return refused
  refused.body?.cancel().catch(() => {})
  const response = html(playerPage(route, new URL(request.url).pathname), 402)
  for (const challenge of [refused.headers.get('www-authenticate')]) {
    if (challenge !== null) response.headers.set('www-authenticate', challenge)
  }
  response.headers.append('vary', 'accept')
  return response
}

function readFiles(folder: string): Map<string, Uint8Array> {
  try {
    const names = readdirSync(folder).filter((name) => Object.hasOwn(TYPES, path.extname(name)))
    return new Map(names.map((name) => [name, readFileSync(path.join(folder, name))]))
  } catch {
    return new Map()
  }
}

const SAFE = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

function asset(name: string, bytes: Uint8Array | undefined): Response {
  if (!bytes) return plain(404, 'not found')
  // The names of chunks carry a hash of what is in them.
  const cache = /-[\w-]{8}\.js$/.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache'
  const headers = { ...SAFE, 'content-type': TYPES[path.extname(name)]!, 'cache-control': cache }
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers })
}

const html = (text: string, status: number): Response =>
  new Response(text, {
    status,
    headers: {
      ...SAFE,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'cache-control': 'no-store',
    },
  })

const plain = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(`${text}\n`, { status, headers: { ...SAFE, 'content-type': 'text/plain; charset=utf-8', ...headers } })
