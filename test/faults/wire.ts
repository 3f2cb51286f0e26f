import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What the way between buyer and seller is like. Times in ms. */
export interface Way {
  /** One way, for every byte in either direction. */
  readonly latencyMs?: number
  /** Added at random, never so that bytes change places: this is TCP. */
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
}

/** Bytes that may be on their way in one direction of a connection; the sender waits beyond that. */
const WINDOW = 64 * 1024

/** A TCP proxy on loopback that does to its connections what networks do. */
export class Wire {
  readonly #server: Server
  readonly #links = new Set<Link>()
  #accepts = true
  /** Connections that were made through it so far. */
  connections = 0

  private constructor(server: Server) {
    this.#server = server
  }

  /** @param target a URL of which host and port are used */
  static async to(target: string, way: Way = {}): Promise<Wire> {
    const { port } = new URL(target)
    const server = createServer({ allowHalfOpen: true })
    const wire = new Wire(server)
    server.on('connection', (near) => {
      wire.connections++
      if (!wire.#accepts) return near.destroy()
      const link = new Link(near, connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true }), way)
      wire.#links.add(link)
      near.once('close', () => wire.#links.delete(link))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return wire
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Resets every connection. New ones are accepted. */
  cut(): void {
    for (const link of this.#links) link.cut()
  }

  /** From now on these connections swallow what is sent and never end: half open. New ones work. */
  swallow(): void {
    for (const link of this.#links) link.swallow()
  }

  /** Nothing moves until `resume`; nothing is lost. */
  stall(): void {
    for (const link of this.#links) link.hold(true)
  }

  resume(): void {
    for (const link of this.#links) link.hold(false)
  }

  accept(accepts: boolean): void {
    this.#accepts = accepts
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.cut()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

class Link {
  readonly #near: Socket
  readonly #far: Socket
  readonly #lanes: readonly Lane[]

  constructor(near: Socket, far: Socket, way: Way) {
    this.#near = near
    this.#far = far
    this.#lanes = [new Lane(near, far, way), new Lane(far, near, way)]
    for (const socket of [near, far]) socket.setNoDelay(true)
    for (const socket of [near, far]) socket.on('error', () => this.cut())
    for (const socket of [near, far]) socket.on('close', (broken) => broken && this.cut())
  }

  cut(): void {
    this.#near.resetAndDestroy()
    this.#far.resetAndDestroy()
  }

  swallow(): void {
    for (const lane of this.#lanes) lane.swallow()
  }

  hold(held: boolean): void {
    for (const lane of this.#lanes) lane.hold(held)
  }
}

/** One direction of a connection. */
class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #way: Way
  readonly #queue: Array<{ readonly bytes: Buffer | undefined; readonly dueMs: number }> = []
  #queued = 0
  #freeAtMs = 0
  #held = false
  #swallows = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(from: Socket, to: Socket, way: Way) {
    this.#from = from
    this.#to = to
    this.#way = way
    from.on('data', (bytes) => this.#push(bytes))
    from.on('end', () => this.#push(undefined))
    to.on('drain', () => this.#move())
  }

  swallow(): void {
    this.#swallows = true
    this.#queue.length = 0
    this.#from.resume()
  }

  hold(held: boolean): void {
    this.#held = held
    this.#move()
  }

  #push(bytes: Buffer | undefined): void {
    if (this.#swallows) return
    const { latencyMs = 0, jitterMs = 0, bytesPerSecond } = this.#way
    const now = performance.now()
    const tookMs = bytesPerSecond === undefined ? 0 : ((bytes?.length ?? 0) * 1000) / bytesPerSecond
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + tookMs
    const dueMs = Math.max(this.#freeAtMs + latencyMs + Math.random() * jitterMs, this.#queue.at(-1)?.dueMs ?? 0)
    this.#queue.push({ bytes, dueMs })
    this.#queued += bytes?.length ?? 0
    if (this.#queued > WINDOW) this.#from.pause()
    this.#move()
  }

  #move(): void {
    clearTimeout(this.#timer)
    while (!this.#held && !this.#to.destroyed && !this.#to.writableNeedDrain) {
      const [next] = this.#queue
      if (!next) break
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#move(), waitMs)
        break
      }
      this.#queue.shift()
      this.#queued -= next.bytes?.length ?? 0
      if (next.bytes) this.#to.write(next.bytes)
      else this.#to.end()
    }
    if (this.#queued <= WINDOW && !this.#swallows) this.#from.resume()
  }
}
