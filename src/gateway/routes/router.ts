import { type Call, readCall } from './jsonRpc.ts'
import { holdBody, modelOf } from './model.ts'
import { compilePattern, compileWildcard, matchedPath } from './pattern.ts'

/** What a request must have to take a route. */
export interface RouteConditions {
  readonly path: string
  readonly methods?: readonly string[] | undefined
  readonly model?: string | undefined
  /** The method of a JSON-RPC message. */
  readonly rpc?: string | undefined
  /** The tool that MCP's `tools/call` names. */
  readonly tool?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A route, and the request as it is to be passed on; or why there is none. */
export type Found<T> =
  | { readonly route: T; readonly request: Request }
  | { readonly status: 404 }
  | { readonly status: 405; readonly allow: string }

interface Entry<T> {
  readonly route: T
  readonly matches: (path: string) => boolean
  readonly methods: readonly string[] | undefined
  readonly headers: ReadonlyArray<readonly [string, (value: string) => boolean]>
  readonly model: Fits | undefined
  readonly rpc: Fits | undefined
  readonly tool: Fits | undefined
}

type Fits = (value: string) => boolean

/** Finds the route of a request: the first, in the order of the configuration, of which all conditions hold. */
export class Router<T> {
  readonly #entries: readonly Entry<T>[]
  /** Some routes ask for more than a path: then the same path may be several routes. */
  readonly conditional: boolean

  constructor(routes: ReadonlyArray<readonly [RouteConditions, T]>) {
    this.#entries = routes.map(([{ path, methods, model, rpc, tool, headers }, route]) => ({
      route,
      matches: compilePattern(path).matches,
      methods,
      headers: Object.entries(headers ?? {}).map(([name, value]) => [name, compileWildcard(value)] as const),
      model: wildcard(model),
      rpc: wildcard(rpc),
      tool: wildcard(tool),
    }))
    this.conditional = this.#entries.some((entry) => entry.methods || readsBody(entry) || entry.headers.length > 0)
  }

  /**
   * @param bodiless whether what is asked for in a body is passed over: the request has none, and is about an earlier one
   * @throws StreamError as `holdBody`, `modelOf` and `readCall`, only where a route asks for what is in the body
   */
  async find(request: Request, bodiless = false): Promise<Found<T>> {
    const path = matchedPath(new URL(request.url).pathname)
    if (path === undefined) return { status: 404 }
    const allowed = new Set<string>()
    let asked: Asked | undefined
    for (const entry of this.#entries) {
      if (!entry.matches(path)) continue
      if (!methodFits(entry, request.method)) {
        for (const method of entry.methods ?? []) allowed.add(method)
        continue
      }
      if (!headersFit(entry, request.headers)) continue
      if (readsBody(entry) && !bodiless) {
        asked ??= await Asked.of(request)
        if (!asked.fits(entry)) continue
      }
      return { route: entry.route, request: asked?.request ?? request }
    }
    return allowed.size > 0 ? { status: 405, allow: [...allowed].join(', ') } : { status: 404 }
  }
}

/** What a request's body asks for, read once however many routes look at it. */
class Asked {
  readonly request: Request
  readonly #body: Uint8Array | undefined
  #model: { readonly name: string | undefined } | undefined
  #call: Call | undefined

  private constructor(request: Request, body: Uint8Array | undefined) {
    this.request = request
    this.#body = body
  }

  static async of(request: Request): Promise<Asked> {
    const { request: held, body } = await holdBody(request)
    return new Asked(held, body)
  }

  fits({ model, rpc, tool }: Pick<Entry<unknown>, 'model' | 'rpc' | 'tool'>): boolean {
    if (!this.#body) return false
    if (model) {
      this.#model ??= { name: modelOf(this.#body) }
      if (!has(this.#model.name, model)) return false
    }
    if (!rpc && !tool) return true
    this.#call ??= readCall(this.#body)
    return (!rpc || has(this.#call.method, rpc)) && (!tool || has(this.#call.tool, tool))
  }
}

const has = (value: string | undefined, fits: Fits): boolean => value !== undefined && fits(value)
const wildcard = (text: string | undefined): Fits | undefined =>
  text === undefined ? undefined : compileWildcard(text)
const readsBody = ({ model, rpc, tool }: Pick<Entry<unknown>, 'model' | 'rpc' | 'tool'>): boolean =>
  model !== undefined || rpc !== undefined || tool !== undefined

/** Where something is read it may also be asked for its head. */
const methodFits = ({ methods }: Entry<unknown>, method: string): boolean =>
  !methods || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))

const headersFit = ({ headers: wanted }: Entry<unknown>, headers: Headers): boolean =>
  wanted.every(([name, fits]) => fits(headers.get(name) ?? ''))
