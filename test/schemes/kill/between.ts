import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const PATIENCE_MS = 30_000

/**
 * Stands between buyers and a seller: its port stays while the seller's changes with every start, connections wait while there is no seller, and it calls
 * at a chosen piece of what goes through it.
 */
export class Between {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port = Promise.withResolvers<number>()
  /** Pieces that went through, either way. */
  pieces = 0
  #at = Infinity
  #then: () => void = () => {}

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(): Promise<Between> {
    const between: Between = new Between(createServer((socket) => void between.#join(socket)))
    await once(between.#server.listen(0, '127.0.0.1'), 'listening')
    return between
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Where the seller is from now on; `undefined` while there is none. */
  to(port: number | undefined): void {
    if (port === undefined) this.#port = Promise.withResolvers()
    else this.#port.resolve(port)
  }

  /** Calls once, after so many more pieces. */
  after(pieces: number, then: () => void): void {
    this.#at = this.pieces + pieces
    this.#then = then
  }

  async #join(client: Socket): Promise<void> {
    this.#keep(client)
    const late = setTimeout(() => client.destroy(), PATIENCE_MS)
    const port = await this.#port.promise
    clearTimeout(late)
    const seller = this.#keep(connect(port, '127.0.0.1'))
    for (const [from, to] of [
      [client, seller],
      [seller, client],
    ] as const) {
      from.on('data', (piece) => {
        to.write(piece)
        if (++this.pieces >= this.#at) {
          this.#at = Infinity
          this.#then()
        }
      })
      from.on('end', () => to.end())
      // As it breaks on one side it breaks on the other.
      from.on('close', () => to.destroy())
    }
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    return socket
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}
