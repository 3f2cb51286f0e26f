import type { IncomingMessage, Server } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import type { PaidWebSocket } from '../buyer/requests/websocket.ts'
import { toStreamError } from '../errors/error.ts'
import { MAX_MESSAGE } from '../gateway/websocket/limits.ts'
import { PAYMENT_ENDED } from '../gateway/websocket/relay.ts'
import { followUpgrades, isWebSocket, type Upgrades } from '../gateway/websocket/upgrade.ts'
import { REQUEST_HEADER } from './headers.ts'
import { problemOf } from './problem.ts'
import type { LiveRequest } from './requests.ts'

/** What answers upgrades. */
export interface Opener {
  handle(request: Request): Promise<Response>
  openSocket(request: Request): Promise<{ readonly socket: PaidWebSocket; readonly live: LiveRequest }>
}

/** Passes WebSockets through, paid. `close` ends them all: a server waits for its connections. */
export function acceptSockets(server: Server, opener: Opener): Upgrades {
  const protocols = new WeakMap<IncomingMessage, string>()
  const accepting = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
    clientTracking: false,
    // The seller has chosen.
    handleProtocols: (_, incoming) => protocols.get(incoming) ?? false,
  })
  return followUpgrades(server, (request, { incoming, socket: duplex, head }) => {
    const answered = isWebSocket(request)
      ? opener.openSocket(request).then(({ socket, live }) => {
          protocols.set(incoming, socket.protocol)
          accepting.once('headers', (headers) => headers.push(`${REQUEST_HEADER}: ${live.id}`))
          accepting.handleUpgrade(incoming, duplex, head, (client) => relay(client, socket, live))
          return undefined
        })
      : opener.handle(request)
    return answered.catch((error: unknown) => problemOf(error, request))
  })
}

const FAILED = 1011

/** Each side is read only while what it sent last has left. */
function relay(client: WebSocket, seller: PaidWebSocket, live: LiveRequest): void {
  client.on('message', (data: Buffer, binary: boolean) => {
    client.pause()
    seller.send(binary ? data : data.toString()).then(
      () => client.resume(),
      () => {}, // told by the reading below
    )
  })
  client.on('error', () => {}) // 'close' follows
  client.once('close', () => {
    live.end('left')
    seller.close().catch(() => {})
  })
  const reading = async () => {
    for await (const message of seller) {
      live.bytes += message.length
      await new Promise<void>((resolve) => client.send(message, () => resolve()))
    }
    live.end('done')
    client.close(1000)
  }
  reading().catch((error) => {
    live.fail(error)
    const { code, status } = toStreamError(error)
    client.close(status === 402 ? PAYMENT_ENDED : FAILED, code)
    // Its answer is not waited for while what it sends lies unread.
    client.resume()
  })
}
