import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { StreamError } from '../../errors/error.ts'
import { failure, notUnderstood } from '../../seller/adapters/refusals.ts'
import { LightRequest, urlOf } from '../../seller/adapters/request.ts'
import { clientGone, send } from '../../seller/adapters/send.ts'
import type { Meter } from '../../seller/meter.ts'
import type { PricedRoute } from '../../seller/paywall.ts'
import { shownBy } from '../../seller/schemes/shown.ts'
import type { Gateway, GatewayRoute } from '../gateway.ts'
import { upstreamHeaders } from '../sources.ts'
import { MAX_MESSAGE } from './limits.ts'
import { noteEnding, Relay } from './relay.ts'
import { openUpstream } from './upstream.ts'

/** What of a WebSocket can be counted. `message`: each message of either side is a step. */
const UNITS = new Set(['byte', 'token', 'second', 'request', 'message'])

/** The WebSockets of a server. */
export interface Upgrades {
  /** Ends them all: a server waits for its connections. */
  close(): void
}

/**
 * Sells WebSockets of routes with an upstream. An upgrade with a credential, of whichever scheme, is passed on, and metered both ways; one
 * without gets the answer that any other request gets: the offer.
 * @example const upgrades = acceptUpgrades(server.server, gateway)
 */
export function acceptUpgrades(server: Server, gateway: Gateway): Upgrades {
  const accepting = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
    clientTracking: false,
  })
  return followUpgrades(server, (request, { incoming, socket, head }) => {
    const accept = () =>
      new Promise<WebSocket>((resolve) =>
        accepting.handleUpgrade(incoming, socket, head, (opened) => resolve(noteEnding(opened))),
      )
    return upgrade(gateway, request, accept).catch(failure)
  })
}

/** An upgrade as the server has it. */
export interface Upgrade {
  readonly incoming: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/**
 * Hands every upgrade that a server is asked for to one function.
 * @param answer takes the connection over and resolves to nothing, or to what refuses the upgrade; never rejects
 */
export function followUpgrades(
  server: Server,
  answer: (request: Request, upgrade: Upgrade) => Promise<Response | undefined>,
): Upgrades {
  const sockets = new Set<Duplex>()
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => {}) // 'close' follows
    const light = lightRequest(incoming, socket)
    if (!light) return void refuse(incoming, socket, notUnderstood())
    answer(light as unknown as Request, { incoming, socket, head }).then(
      (response) => response && refuse(incoming, socket, response),
    )
  })
  return {
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** The request of an upgrade; `undefined` if it is none that can be understood. */
function lightRequest(incoming: IncomingMessage, socket: Duplex): LightRequest | undefined {
  const url = urlOf(incoming)
  if (url === undefined || incoming.method !== 'GET' || incoming.headers['transfer-encoding'] !== undefined)
    return undefined
  if (Number(incoming.headers['content-length'] ?? 0) !== 0) return undefined
  const none = () => undefined
  const light = new LightRequest(incoming, url, none, none)
  socket.once('close', () => light.abort(clientGone()))
  return light
}

/** Serves the WebSocket, or returns the answer that it gets instead. */
async function upgrade(
  gateway: Gateway,
  request: Request,
  accept: () => Promise<WebSocket>,
): Promise<Response | undefined> {
  const found = isWebSocket(request) ? await gateway.find(request) : undefined
  if (!found || !('route' in found) || found.route.config.upstream === undefined) return gateway.handle(request)
  const { route } = found
  const { priced } = route
  if (!priced) return route.config.price === 'free' ? gratis(route, request, accept) : gateway.handle(request)
  // What is not counted is not offered either: whoever is paid first would have been paid for nothing.
  checkCounted(priced.terms)
  const isPaid = shownBy(request, route.config.schemes?.includes('l402') ?? false) !== undefined
  return isPaid ? sold(route, priced, request, accept) : gateway.handle(request)
}

/** What goes through a socket is sold as the body of an answer, by whichever scheme it is paid. */
async function sold(
  route: GatewayRoute,
  priced: PricedRoute,
  request: Request,
  accept: () => Promise<WebSocket>,
): Promise<Response | undefined> {
  const opened: { relay?: Relay } = {}
  const response = await priced.handle(async (asked, meter) => {
    // An agreement keeps the terms that it was made at.
    checkCounted(meter)
    opened.relay = await open(route, asked, accept, meter)
    return new Response(opened.relay.source)
  }, request)
  const { relay } = opened
  if (!relay) return response
  if (response.ok && response.body) void relay.run(response.body)
  else relay.close()
  return undefined
}

async function gratis(route: GatewayRoute, request: Request, accept: () => Promise<WebSocket>): Promise<undefined> {
  const relay = await open(route, request, accept)
  void relay.run(relay.source)
}

async function open(
  { config }: GatewayRoute,
  request: Request,
  accept: () => Promise<WebSocket>,
  meter?: Meter,
): Promise<Relay> {
  const upstream = noteEnding(await openUpstream(config.upstream!, request, upstreamHeaders(config)))
  try {
    const relay = new Relay(await accept(), upstream, meter)
    upstream.resume()
    return relay
  } catch (error) {
    upstream.terminate()
    throw error
  }
}

/** @throws StreamError `option-invalid`: what is not counted would be free */
function checkCounted({ price, tariff }: Pick<Meter, 'price' | 'tariff'>): void {
  const unit = tariff ? (tariff.output?.unit ?? 'request') : price.unit
  if (UNITS.has(unit) && !tariff?.upload && !tariff?.input) return
  const message = `a WebSocket is sold by ${[...UNITS].join(', ')}, of both directions together`
  throw new StreamError('option-invalid', message)
}

export const isWebSocket = ({ headers }: Request): boolean =>
  headers.get('upgrade')?.trim().toLowerCase() === 'websocket' &&
  headers.get('sec-websocket-version') === '13' &&
  /^[A-Za-z0-9+/]{22}==$/.test(headers.get('sec-websocket-key') ?? '')

/** Answers in HTTP, and ends the connection. */
async function refuse(incoming: IncomingMessage, socket: Duplex, response: Response): Promise<void> {
  if (socket.destroyed) return
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  outgoing.assignSocket(socket as never)
  outgoing.once('finish', () => socket.end())
  outgoing.on('error', () => {})
  try {
    await send(response, outgoing, false)
  } catch {
    socket.destroy()
  }
}
