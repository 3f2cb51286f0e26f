import { StreamError } from '../errors/error.ts'
import { sentTarget } from '../seller/adapters/request.ts'
import { targetOf } from '../seller/sources/upstream/target.ts'

/** Where a request leads, and by which way it was asked for. */
export interface Target {
  readonly url: URL
  readonly way: 'to' | 'forward' | 'pay'
}

/** Whether a request was sent as to a proxy: its URL is then what the client asks for, and none of this server's. */
export const isForProxy = (request: Request): boolean => !(sentTarget(request) ?? '/').startsWith('/')

const PAY = '/pay/'
const MAX_URL = 16 << 10

/**
 * Where a request leads: `/pay/https://host/path`, the absolute address that a forward proxy gets, or else a path below `to`.
 * @throws StreamError `target-refused`
 */
export function readTarget(request: Request, to: URL | undefined): Target {
  if (request.url.length > MAX_URL) throw new StreamError('target-refused', 'the address is too long')
  if (isForProxy(request)) {
    const text = sentTarget(request)!
    if (!/^https?:\/\//i.test(text)) {
      throw new StreamError(
        'target-refused',
        `${text.slice(0, 40)} is no address that is paid for: only http:// and https:// are`,
      )
    }
    return { url: new URL(request.url), way: 'forward' }
  }
  const asked = new URL(request.url)
  const { pathname, origin } = asked
  if (pathname.startsWith(PAY)) {
    // As it was written: what a parser makes of it as a path is not what it is as an address.
    const text = request.url.slice(origin.length + PAY.length)
    return { url: readAddress(text), way: 'pay' }
  }
  if (!to) {
    throw new StreamError(
      'target-refused',
      'there is nothing here: ask for /pay/https://HOST/PATH, use this as a proxy, or start it with --to URL',
    )
  }
  const url = targetOf(to, asked)
  if (!url) throw new StreamError('target-refused', 'a path with dots to climb by is not passed on')
  return { url, way: 'to' }
}

/** WebSockets are asked for as what they stand for. */
const SOCKETS: Readonly<Record<string, string>> = { ws: 'http', wss: 'https' }

/** Paths are written with one slash where some clients clean two of them up; a host alone is not guessed at. */
function readAddress(text: string): URL {
  const [, scheme = '', rest = ''] = /^([a-z][a-z\d+.-]*):\/{1,2}(.*)$/is.exec(text) ?? []
  const url = scheme === '' ? null : URL.parse(`${SOCKETS[scheme.toLowerCase()] ?? scheme}://${rest}`)
  if (!url) throw new StreamError('target-refused', `after ${PAY} stands a whole address, such as https://host/path`)
  url.hash = ''
  return url
}

/**
 * Where a redirect leads the client, so that it stays with this proxy. `undefined`: as the server said.
 * @param location where it leads, whole
 */
export function redirectedTo({ way, url }: Target, to: URL | undefined, location: URL): string | undefined {
  if (way === 'forward') return undefined
  if (way === 'to' && to && location.origin === url.origin) {
    const base = to.pathname.replace(/\/$/, '')
    if (location.pathname.startsWith(`${base}/`))
      return location.pathname.slice(base.length) + location.search + location.hash
  }
  return `${PAY}${location.href}`
}
