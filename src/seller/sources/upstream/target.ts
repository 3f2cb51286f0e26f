/** Dots that a service which decodes a path once more would climb out with. */
const CLIMBS = /(?:^|\/|%2f|\\|%5c)(?:\.|%2e){1,2}(?:$|\/|%2f|\\|%5c|;)/i

/** The request's path below the upstream's own; `undefined` if it might leave it. */
export function targetOf(upstream: URL, { pathname, search }: URL): URL | undefined {
  if (CLIMBS.test(pathname)) return undefined
  const target = new URL(upstream)
  // A setter, not a join of texts: a path like //elsewhere stays a path.
  target.pathname = upstream.pathname.replace(/\/$/, '') + pathname
  target.search = search
  return target
}

/** The Basic authorization that a name and password in a URL stand for. */
export function basic({ username, password }: URL): string | undefined {
  if (!username && !password) return undefined
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}
