import { readModel } from './model.ts'
import { compilePattern, compileWildcard, matchedPath } from './pattern.ts'

/** What a request must have to take a route. */
export interface RouteConditions {
  readonly path: string
  readonly methods?: readonly string[] | undefined
  readonly model?: string | undefined
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
  readonly model: ((value: string) => boolean) | undefined
}

/** Finds the route of a request: the first, in the order of the configuration, of which all conditions hold. */
export class Router<T> {
  readonly #entries: readonly Entry<T>[]
  /** Some routes ask for more than a path: then the same path may be several routes. */
  readonly conditional: boolean

  constructor(routes: ReadonlyArray<readonly [RouteConditions, T]>) {
    this.#entries = routes.map(([{ path, methods, model, headers }, route]) => ({
      route,
      matches: compilePattern(path).matches,
      methods,
      headers: Object.entries(headers ?? {}).map(([name, value]) => [name, compileWildcard(value)] as const),
      model: model === undefined ? undefined : compileWildcard(model),
    }))
    this.conditional = this.#entries.some(({ methods, headers, model }) => methods || model || headers.length > 0)
  }

  /** @throws StreamError as `readModel`, only where a route asks for a model */
  async find(request: Request): Promise<Found<T>> {
    const path = matchedPath(new URL(request.url).pathname)
    if (path === undefined) return { status: 404 }
    const allowed = new Set<string>()
    let passed = request
    let model: string | undefined
    let read = false
    for (const entry of this.#entries) {
      if (!entry.matches(path)) continue
      if (!methodFits(entry, request.method)) {
        for (const method of entry.methods ?? []) allowed.add(method)
        continue
      }
      if (!headersFit(entry, request.headers)) continue
      if (entry.model) {
        if (!read) {
          read = true
          ;({ request: passed, model } = await readModel(request))
        }
        if (model === undefined || !entry.model(model)) continue
      }
      return { route: entry.route, request: passed }
    }
    return allowed.size > 0 ? { status: 405, allow: [...allowed].join(', ') } : { status: 404 }
  }
}

/** Where something is read it may also be asked for its head. */
const methodFits = ({ methods }: Entry<unknown>, method: string): boolean =>
  !methods || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))

const headersFit = ({ headers: wanted }: Entry<unknown>, headers: Headers): boolean =>
  wanted.every(([name, fits]) => fits(headers.get(name) ?? ''))
