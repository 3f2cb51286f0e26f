import { StreamError } from '../errors/error.ts'

/** The URL parser has brought every form of an IP address to one. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Whether a URL leads to this very machine. */
export const isLoopback = (url: string): boolean => LOOPBACK.test(new URL(url).hostname)

/**
 * Checks that a credential stays secret on its way: who reads one can use up its balance (spec section 7).
 * @throws StreamError `transport-insecure` for plain http to another machine
 */
export function checkTransport(url: string): void {
  const { protocol, origin } = new URL(url)
  if (protocol === 'https:' || isLoopback(url)) return
  throw new StreamError('transport-insecure', `${origin} is plain http: what pays there could be read on the way`)
}
