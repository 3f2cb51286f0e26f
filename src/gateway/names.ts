import type { RouteConfig } from './config/schema.ts'

const MAX_LENGTH = 40

/**
 * The names of routes, each once: as given, or made from the path. A made name that is taken gets a number.
 * @example routeNames([{ path: '/v1/chat/*' }, { path: '/**' }]) // ['v1-chat', 'all']
 */
export function routeNames(routes: ReadonlyArray<Pick<RouteConfig, 'name' | 'path'>>): string[] {
  const taken = new Set(routes.map(({ name }) => name))
  return routes.map(({ name, path }) => {
    if (name !== undefined) return name
    const base = nameOf(path)
    let made = base
    for (let number = 2; taken.has(made); number++) made = `${base}-${number}`
    taken.add(made)
    return made
  })
}

function nameOf(path: string): string {
  const words = path.toLowerCase().match(/[a-z0-9]+/g) ?? []
  const name = words.join('-').slice(0, MAX_LENGTH).replace(/-$/, '')
  if (name === '') return 'all'
  return /^[a-z]/.test(name) ? name : `r-${name}`
}

/** The route of an agreement: its scope is the route's name, or that and a quality of its video. @example routeOfScope('films/480p') === 'films' */
export const routeOfScope = (scope: string): string => scope.split('/', 1)[0]!
