import type { Socket } from 'node:net'
import * as ldk from 'lightningdevkit'
import { StreamError } from '../../../errors/error.ts'

/** How much is encrypted for one peer before it has to take some. */
const HIGH_WATER_BYTES = 256 * 1024

let lastId = 0n

/** A TCP connection as LDK sees it. What LDK sends waits here until `flush`. */
class Link {
  readonly descriptor: ldk.SocketDescriptor
  readonly socket: Socket
  /** LDK was told that there is no room and waits to hear of it. */
  refused = false
  /** The kernel's buffer is full. */
  blocked = false
  /** LDK has let go of this connection, or was told that it is gone, and must not hear of it again. */
  dropped = false
  #queue: Uint8Array[] = []
  #queuedBytes = 0

  constructor(socket: Socket) {
    const id = ++lastId
    this.socket = socket
    this.descriptor = ldk.SocketDescriptor.new_impl({
      send_data: (data, resume) => this.#take(data, resume),
      disconnect_socket: () => this.drop(),
      eq: (other) => other.hash() === id,
      hash: () => id,
    })
  }

  #take(data: Uint8Array, resume: boolean): number {
    if (this.dropped) return 0
    if (resume) this.socket.resume()
    if (data.length === 0) return 0
    if (this.blocked || this.#queuedBytes >= HIGH_WATER_BYTES) {
      this.refused = true
      return 0
    }
    this.#queue.push(data)
    this.#queuedBytes += data.length
    return data.length
  }

  flush(): void {
    if (this.#queue.length === 0 || this.socket.destroyed) return
    this.blocked = !this.socket.write(Buffer.concat(this.#queue))
    this.#queue = []
    this.#queuedBytes = 0
  }

  drop(): void {
    this.dropped = true
    this.socket.destroy()
  }
}

/**
 * LDK's connections. Everything that LDK writes is held back until `flush`, which the node calls after its state is on
 * disk: whatever a peer can read of us, we remember.
 */
export class Transport {
  readonly #peers: ldk.PeerManager
  readonly #wake: () => void
  readonly #onDisconnect: () => void
  readonly #links = new Set<Link>()

  /** @param wake asks for a turn, after a peer sent something or can take more */
  constructor(peers: ldk.PeerManager, wake: () => void, onDisconnect: () => void) {
    this.#peers = peers
    this.#wake = wake
    this.#onDisconnect = onDisconnect
  }

  acceptInbound(socket: Socket): void {
    const link = this.#attach(socket)
    const result = this.#peers.new_inbound_connection(link.descriptor, ldk.Option_SocketAddressZ.constructor_none())
    if (!result.is_ok()) link.drop()
  }

  startOutbound(socket: Socket, publicKey: Uint8Array): void {
    const link = this.#attach(socket)
    const none = ldk.Option_SocketAddressZ.constructor_none()
    const result = this.#peers.new_outbound_connection(publicKey, link.descriptor, none)
    if (result instanceof ldk.Result_CVec_u8ZPeerHandleErrorZ_OK) {
      socket.write(result.res)
    } else {
      link.drop()
      throw new StreamError('node-unreachable', 'the peer cannot be greeted')
    }
  }

  /** Tells LDK which peers can take more. Whether there were any. */
  refill(): boolean {
    let any = false
    for (const link of this.#links) {
      if (!link.refused || link.blocked || link.dropped) continue
      any = true
      link.refused = false
      if (!this.#peers.write_buffer_space_avail(link.descriptor).is_ok()) link.drop()
    }
    return any
  }

  flush(): void {
    for (const link of this.#links) link.flush()
  }

  close(): void {
    for (const link of this.#links) link.drop()
  }

  #attach(socket: Socket): Link {
    const link = new Link(socket)
    this.#links.add(link)
    socket.setNoDelay(true)
    socket.on('data', (data) => {
      if (link.dropped) return
      const result = this.#peers.read_event(link.descriptor, data)
      if (!(result instanceof ldk.Result_boolPeerHandleErrorZ_OK)) link.drop()
      else if (result.res) socket.pause()
      this.#wake()
    })
    socket.on('drain', () => {
      link.blocked = false
      this.#wake()
    })
    // A close follows every error, and the peer is dialled again.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#links.delete(link)
      if (!link.dropped) this.#peers.socket_disconnected(link.descriptor)
      link.dropped = true
      this.#wake()
      this.#onDisconnect()
    })
    return link
  }
}
