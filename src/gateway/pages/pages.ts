import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Answer, GatewayParts, GatewayRoute } from '../gateway.ts'
import type { Film } from '../video/source.ts'
import { indexPage, type Playing, playerPage, tryPage } from './html.ts'
import { type ModelPage, type Shown, shown } from './kinds.ts'
import { ModelNames } from './models.ts'

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
  /** Of the gateway, as they are now. */
  routes(): readonly GatewayRoute[]
  /** Where the built scripts are; by default where `npm run build` puts them. */
  readonly built?: string
}

/**
 * The gateway's own pages (`pages` of its parts). Below `/.stream/`: a list of what is sold; `play/<route>/<path>`, the player of a
 * video; `try/<route>`, where a model is asked; `app/*`, the built scripts and styles. A browser that goes to a video or a model gets its
 * page in the place of the answer, and the list where else it is asked to pay, or where nothing else is at `/`. Nothing here costs anything.
 * @example
 * const gateway: Gateway = await Gateway.open(config, { openSeller, pages: gatewayPages({ routes: () => gateway.routes }) })
 */
export function gatewayPages({ routes, built = BUILT }: PageOptions): NonNullable<GatewayParts['pages']> {
  const files = new BuiltFiles(built)
  const names = new ModelNames()
  const tryOut = async (route: Shown, page: ModelPage): Promise<Response> => {
    const { config } = routes().find(({ name }) => name === route.name)!
    return html(tryPage(route, page, await names.of(config, page)))
  }
  return async (request, answer) => {
    const url = new URL(request.url)
    const list = () =>
      html(
        indexPage(
          routes().flatMap((route) => shown(route) ?? []),
          url.origin,
        ),
      )
    if (answer) {
      const place = placeOf(url, answer, routes())
      if (!place) return undefined
      if (place === 'list') return list()
      return 'playing' in place ? html(playerPage(place.playing)) : tryOut(place.route, place.page)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET', { allow: 'GET, HEAD' })
    const [kind = '', name = '', ...rest] = url.pathname.slice(PREFIX.length).split('/')
    if (kind === '') return list()
    if (kind === 'app' && rest.length === 0) return files.answer(name)
    const found = routes().find((one) => one.name === name)
    const route = found && shown(found)
    if (!route) return plain(404, 'not found')
    const playing = kind === 'play' ? playingOf(route, `/${rest.join('/')}`, url.search) : undefined
    if (playing) return html(playerPage(playing))
    if (kind === 'try' && route.page.kind === 'model' && rest.length === 0) return tryOut(route, route.page)
    return plain(404, 'not found')
  }
}

type Place = 'list' | { readonly playing: Playing } | { readonly route: Shown; readonly page: ModelPage } | undefined

/** Which page a browser gets where it went; `undefined` leaves the answer as it is. */
function placeOf({ pathname, search }: URL, { route, status }: Answer, routes: readonly GatewayRoute[]): Place {
  const here = route && shown(route)
  if (!here) {
    if (route || (status !== 404 && status !== 405)) return undefined
    // A model is asked by POST: the route may take nothing else.
    const model = routes.map(shown).find((one) => one?.page.kind === 'model' && one.page.path === pathname)
    if (model?.page.kind === 'model') return { route: model, page: model.page }
    return pathname === '/' ? 'list' : undefined
  }
  const { page } = here
  if (page.kind === 'model' && page.path === pathname && REFUSED.has(status)) return { route: here, page }
  if (page.kind === 'video') {
    const playing = status === 402 || PLAYLIST.test(pathname) ? playingOf(here, pathname, search) : undefined
    if (playing) return { playing }
    if (pathname === '/' || status === 402) return 'list'
    return undefined
  }
  if (status === 402 && PLAYLIST.test(pathname)) return { playing: playingOf(here, pathname, search)! }
  return status === 402 || (pathname === '/' && REFUSED.has(status)) ? 'list' : undefined
}

/** What is no answer of something that stands there itself. */
const REFUSED: ReadonlySet<number> = new Set([402, 404, 405, 503])
const PLAYLIST = /\.m3u8$/i

/** What to play for a path of a route: the film whose playlist it is, or in whose folder it lies, or a playlist by itself. */
function playingOf({ title, description, price, page }: Shown, pathname: string, search: string): Playing | undefined {
  const films = page.kind === 'video' ? (page.films ?? []) : []
  const src = pathname + search
  const film =
    films.find(({ playlist }) => playlist === src) ?? (PLAYLIST.test(pathname) ? undefined : around(films, pathname))
  if (film?.playlist !== undefined)
    return { description, price, title: film.title, src: film.playlist, poster: film.poster }
  return PLAYLIST.test(pathname) ? { title, description, price, src } : undefined
}

const around = (films: readonly Film[], pathname: string): Film | undefined => {
  const inside = films.filter(({ playlist }) => pathname !== '/' && playlist && pathname.startsWith(folderOf(playlist)))
  return inside.length === 1 ? inside[0] : undefined
}

const folderOf = (path: string): string => path.slice(0, path.split('?', 1)[0]!.lastIndexOf('/') + 1)

/** What `npm run build` made. */
class BuiltFiles {
  readonly #folder: string
  #files: ReadonlyMap<string, Uint8Array> | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Read once, and only these names are served: no path leads out. */
  answer(name: string): Response {
    if (!this.#files?.size) this.#files = readFiles(this.#folder)
    if (this.#files.size === 0) return plain(503, 'the pages are not built: run npm run build')
    return asset(name, this.#files.get(name))
  }
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

const html = (text: string): Response =>
  new Response(text, {
    headers: {
      ...SAFE,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'cache-control': 'no-store',
    },
  })

const plain = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(`${text}\n`, { status, headers: { ...SAFE, 'content-type': 'text/plain; charset=utf-8', ...headers } })
