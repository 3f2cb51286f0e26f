import { type Client, type Event, EventRepository, EventUtils, type Filter } from '@nostr-relay/common'
import { NostrRelay } from '@nostr-relay/core'
import { type WebSocket, WebSocketServer } from 'ws'

/** A Nostr relay in a process of its own, on 127.0.0.1 at the port given. Ends with its parent. Started by `relay.ts`. */
const port = Number(process.argv[2])

/** Keeps the newest event of each author and kind: all that a relay has to keep for NIP-47. */
class Newest extends EventRepository {
  readonly #events = new Map<string, Event>()

  isSearchSupported(): boolean {
    return false
  }

  upsert(event: Event): { isDuplicate: boolean } {
    const key = `${event.pubkey} ${event.kind}`
    const older = this.#events.get(key)
    if (older && older.created_at > event.created_at) return { isDuplicate: true }
    this.#events.set(key, event)
    return { isDuplicate: false }
  }

  find(filter: Filter): Event[] {
    return [...this.#events.values()].filter((event) => EventUtils.isMatchingFilter(event, filter))
  }

  async destroy(): Promise<void> {
    this.#events.clear()
  }
}

const logger = { setLogLevel: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const relay = new NostrRelay(new Newest(), { logger })
const server = new WebSocketServer({ host: '127.0.0.1', port })
server.on('connection', (socket: WebSocket) => {
  const client = socket as unknown as Client
  relay.handleConnection(client, '127.0.0.1')
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString())
    // What a relay lets through is bounded, as with the public ones.
    if (data.toString().length < 128 << 10) void relay.handleMessage(client, message).catch(() => {})
  })
  socket.on('close', () => relay.handleDisconnect(client))
})
server.on('listening', () => process.send?.('listening'))
process.on('disconnect', () => process.exit())
