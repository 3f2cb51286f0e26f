import { askedInWords } from '../../money/words.ts'
import type { GatewayRoute } from '../route.ts'
import { compilePattern, type Pattern } from '../routes/pattern.ts'
import type { Film } from '../video/source.ts'

/** A route of the gateway as pages show it. Titles and paths may hold anything, and are shown as text. */
export interface Shown {
  readonly name: string
  readonly title: string
  readonly description: string | undefined
  /** In words. */
  readonly price: string
  readonly page: VideoPage | ModelPage | PlainPage
}

export interface VideoPage {
  readonly kind: 'video'
  /** `undefined` while they are prepared, or where that failed. */
  readonly films: readonly Film[] | undefined
}

export interface ModelPage {
  readonly kind: 'model'
  /** Where it is asked: OpenAI's `…/chat/completions`, or Ollama's `…/api/chat`. */
  readonly path: string
  /** The name that the route is for, with `*` for anything; `undefined` where the route is for whatever is asked. */
  readonly model: string | undefined
}

/** Something that no page of ours shows: a program buys it, and what is free is just looked at. */
export interface PlainPage {
  readonly kind: 'plain'
  readonly path: string
  readonly free: boolean
}

/** What a page is made of for a route; `undefined` for one that wants none. */
export function shown(route: GatewayRoute): Shown | undefined {
  const { name, config } = route
  if (config.page === false) return undefined
  const page = pageOf(route)
  const { description } = config
  const title = config.title ?? titleOf(page, name)
  return { name, title, description, price: priceOf(route), page }
}

function pageOf({ config, films: found }: GatewayRoute): Shown['page'] {
  const pattern = compilePattern(config.path)
  if (config.video !== undefined) return { kind: 'video', films: found?.map((film) => below(pattern.prefix, film)) }
  const path = chatPath(config, pattern)
  if (path !== undefined) return { kind: 'model', path, model: config.model }
  const wild = config.path.includes('*')
  return { kind: 'plain', path: wild ? `${pattern.prefix}/` : config.path, free: config.price === 'free' }
}

/** Where models are asked, by the APIs that the page speaks; the first that the route takes is used. */
const CHATS = ['/v1/chat/completions', '/chat/completions', '/api/chat']

/** Where the route's model is asked, if it sells one: what is priced by the token, or has a chat in its path, or names a model. */
function chatPath(
  { upstream, path, methods, headers, model, rpc, tool, price }: Config,
  pattern: Pattern,
): string | undefined {
  if (upstream === undefined || price === 'free' || headers !== undefined) return undefined
  if (rpc !== undefined || tool !== undefined) return undefined
  if (methods && !methods.includes('POST')) return undefined
  if (model === undefined && !/\bchat\b/.test(path) && !isByToken(price)) return undefined
  return CHATS.flatMap((chat) => [chat, pattern.prefix + chat]).find(pattern.matches) ?? ownChat(path)
}

/** A path of its own that ends as one of those does. */
const ownChat = (path: string): string | undefined =>
  !path.includes('*') && CHATS.some((chat) => path.endsWith(chat)) ? path : undefined

type Config = GatewayRoute['config']

function isByToken(price: Config['price']): boolean {
  if (typeof price === 'string') return /tokens?\s*$/i.test(price)
  return price.input !== undefined || /tokens?\s*$/i.test(price.output ?? '')
}

const below = (prefix: string, { title, playlist, poster }: Film): Film => ({
  title,
  ...(playlist !== undefined && { playlist: prefix + playlist }),
  ...(poster !== undefined && { poster: prefix + poster }),
})

function titleOf(page: Shown['page'], name: string): string {
  if (page.kind === 'plain') return page.path
  if (page.kind === 'video') return page.films?.length === 1 ? page.films[0]!.title : 'Films'
  return page.model?.includes('*') === false ? page.model : name === 'all' ? 'A model' : name
}

function priceOf({ config, priced }: GatewayRoute): string {
  if (config.price === 'free') return 'free'
  return priced ? askedInWords(priced.terms) : 'no price yet'
}
