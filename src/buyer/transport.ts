import { StreamError } from '../errors/error.ts'

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/**
 * Checks that a credential stays secret on its way: who reads one can use up its balance (spec section 3).
 * @throws StreamError `transport-insecure` for plain http to another machine
 */
export function checkTransport(url: string): void {
  // The URL parser has written every form of an IP address in its one canonical form.
  const { protocol, hostname, origin } = new URL(url)
  if (protocol === 'https:' || LOOPBACK.test(hostname)) return
  throw new StreamError('transport-insecure', `${origin} is plain http: what pays there could be read on the way`)
}
