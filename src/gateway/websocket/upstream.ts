import { WebSocket } from 'ws'
import { StreamError } from '../../errors/error.ts'
import { forwarded } from '../../seller/sources/upstream/headers.ts'
import { targetOf } from '../../seller/sources/upstream/target.ts'
import { MAX_MESSAGE } from './limits.ts'

const HANDSHAKE_MS = 30_000

/**
 * Opens the upstream's WebSocket for a buyer's request: the same path, protocols and headers, but for the credential.
 * @throws StreamError `upstream-failed`
 */
export async function openUpstream(
  base: string,
  request: Request,
  own: Readonly<Record<string, string>>,
): Promise<WebSocket> {
  const upstream = new URL(base)
  const target = targetOf(upstream, new URL(request.url))
  if (!target) throw new StreamError('upstream-failed', 'there is no such path behind the seller')
  target.protocol = upstream.protocol === 'https:' ? 'wss:' : 'ws:'
  const headers = forwarded(request, own)
  for (const name of [...headers.keys()]) if (name.startsWith('sec-websocket-')) headers.delete(name)
  const socket = new WebSocket(target, protocolsOf(request), {
    headers: Object.fromEntries(headers),
    // What is compressed could not be counted.
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
    handshakeTimeout: HANDSHAKE_MS,
    followRedirects: false,
  })
  // What comes before anybody listens would be lost.
  socket.once('open', () => socket.pause())
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('open', resolve)
  socket.on('error', reject)
  const leave = () => socket.terminate()
  request.signal.addEventListener('abort', leave, { once: true })
  try {
    await promise
    return socket
  } catch (error) {
    throw new StreamError('upstream-failed', 'the service behind the seller opens no WebSocket', {}, error)
  }
}

export const protocolsOf = ({ headers }: Request): string[] =>
  (headers.get('sec-websocket-protocol') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(name))
