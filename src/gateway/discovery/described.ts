import { parseMsat } from '../../money/msat.ts'
import { type Quote, quoteOf } from '../../seller/schemes/quote.ts'
import { type AskedJson, encodeAsked } from '../../wire/asked.ts'
import type { RouteConfig } from '../config/schema.ts'
import { type Shown, shown } from '../pages/kinds.ts'
import type { GatewayRoute } from '../route.ts'
import { qualityName } from '../video/qualities.ts'
import { concretePath, type PathTemplate, templateOf } from './template.ts'

/** What a route asks, in the terms of its offer. Amounts in msat. */
export interface AskedTerms extends Partial<AskedJson> {
  readonly intent: 'stream'
  readonly route: string
  /** Which requests the route takes, beside path and method. */
  readonly when?: string
  readonly price: string
}

/** A route as programs are told of it. Texts may hold anything, in one line. */
export interface Described {
  readonly name: string
  readonly title: string
  readonly description: string | undefined
  /** In words, with what qualities cost. */
  readonly price: string
  /** `undefined` where it is free. */
  readonly asked: AskedTerms | undefined
  /** In the whole sats of the field's schemes; `undefined` where none of them is offered. */
  readonly quote: Quote | undefined
  /** Whether other routes of the same paths and methods can be reached past this one. */
  readonly conditional: boolean
  readonly when: string | undefined
  readonly kind: Shown['page']['kind'] | 'call'
  readonly config: RouteConfig
  readonly methods: readonly Method[]
  readonly paths: readonly PathTemplate[]
}

export type Method = 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete' | 'options'

/** Films whose own address is told; of more there is the pattern. */
const MAX_FILMS = 100
const MAX_TEXT = 300

/** What programs are told of a route; `undefined` for one that is not listed. */
export function described(route: GatewayRoute): Described | undefined {
  const seen = shown(route)
  if (!seen) return undefined
  const { config } = route
  const when = conditionOf(config)
  const price = withQualities(seen.price, config)
  return {
    name: route.name,
    title: oneLine(seen.title),
    description: seen.description === undefined ? undefined : oneLine(seen.description),
    price,
    asked: config.price === 'free' ? undefined : termsOf(route, price, when),
    quote: quoteFor(route),
    conditional: when !== undefined,
    when,
    kind: config.rpc !== undefined || config.tool !== undefined ? 'call' : seen.page.kind,
    config,
    methods: methodsOf(config, seen.page),
    paths: pathsOf(config, seen.page),
  }
}

function termsOf({ name, priced }: GatewayRoute, price: string, when: string | undefined): AskedTerms {
  const named = { intent: 'stream', route: name, ...(when !== undefined && { when }), price } as const
  return priced ? { ...named, ...encodeAsked(priced.terms) } : named
}

function quoteFor({ config: { schemes = [], allowance }, priced }: GatewayRoute): Quote | undefined {
  const others = schemes.some((scheme) => scheme !== 'stream')
  if (!priced || !others || priced.terms.price.msat === 0n) return undefined
  return quoteOf(priced.terms.price, schemes, allowance === undefined ? undefined : parseMsat(allowance))
}

function conditionOf({ headers = {}, model, rpc, tool }: RouteConfig): string | undefined {
  const parts = [
    ...(tool === undefined ? [] : [`tools/call of ${tool}`]),
    ...(rpc === undefined ? [] : [`JSON-RPC method ${rpc}`]),
    ...(model === undefined ? [] : [`model ${model}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  return parts.length === 0 ? undefined : oneLine(parts.join(', '))
}

function withQualities(price: string, { qualities = [] }: RouteConfig): string {
  const own = qualities.flatMap((each) => (each.price === undefined ? [] : [`${qualityName(each)} ${each.price}`]))
  return [price, ...own].join(', ')
}

/** A file is read; what a service takes it says itself, and what is asked by a body is sent one. */
function methodsOf({ methods, upstream, model, rpc, tool }: RouteConfig, page: Shown['page']): Method[] {
  const isAsked = model !== undefined || rpc !== undefined || tool !== undefined || page.kind === 'model'
  const usual = upstream === undefined ? ['GET'] : isAsked ? ['POST'] : ['GET', 'POST']
  return (methods ?? usual).map((method) => method.toLowerCase() as Method)
}

function pathsOf({ path }: RouteConfig, page: Shown['page']): PathTemplate[] {
  if (page.kind === 'model') return [concretePath(page.path)]
  const films = page.kind === 'video' ? (page.films ?? []).flatMap(({ playlist }) => playlist ?? []) : []
  if (films.length > 0 && films.length <= MAX_FILMS) return films.map((film) => concretePath(film.split('?', 1)[0]!))
  return [templateOf(path)]
}

/** Titles may come from the names of files: no line of theirs must pass for one of ours. */
export const oneLine = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT)
    .toWellFormed()
