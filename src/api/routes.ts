import { StreamError } from '../errors/error.ts'
import type { Call } from './call.ts'

interface Route {
  readonly call: Call
  /** Segments of the path; a parameter by its name in braces. */
  readonly segments: readonly string[]
}

/** A call and the parameters in the address, or which methods there are instead. */
export type Found =
  | { readonly call: Call; readonly params: Readonly<Record<string, string>> }
  | { readonly allow: readonly string[] }

export const routesOf = (calls: readonly Call[]): readonly Route[] =>
  calls.map((call) => ({ call, segments: call.path.split('/') }))

/** @throws StreamError `not-found` for a path that no call has */
export function findRoute(routes: readonly Route[], method: string, path: string): Found {
  const asked = path.split('/')
  const matches = routes.flatMap((route) => {
    const params = paramsOf(route.segments, asked)
    return params ? [{ call: route.call, params }] : []
  })
  if (matches.length === 0) throw new StreamError('not-found', 'there is no such call; openapi.json has them all')
  return matches.find(({ call }) => call.method === method) ?? { allow: matches.map(({ call }) => call.method) }
}

function paramsOf(segments: readonly string[], asked: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== asked.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const given = asked[index]!
    const name = /^\{(\w+)\}$/.exec(segment)?.[1]
    if (name === undefined && segment !== given) return undefined
    if (name !== undefined) params[name] = decoded(given)
  }
  return params
}

/** What is not encoded as it should be fits no schema, and is told by that. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
