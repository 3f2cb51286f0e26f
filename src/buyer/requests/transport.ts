import { StreamError } from '../../errors/error.ts'
import { isLoopback } from '../../wire/loopback.ts'

/**
 * Checks that a credential stays secret on its way: who reads one can use up its balance (spec section 7).
 * @throws StreamError `transport-insecure` for plain http to another machine
 */
export function checkTransport(url: string): void {
  const { protocol, origin } = new URL(url)
  if (protocol === 'https:' || isLoopback(url)) return
  throw new StreamError('transport-insecure', `${origin} is plain http: what pays there could be read on the way`)
}
