import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Collecting {
  /** So many bytes are collected before they are passed on. */
  readonly bytes: number
  /** `X-Accel-Buffering: no` turns it off. */
  readonly heeds: boolean
  /** Answers of this type pass at once. */
  readonly except?: string
}

/**
 * A reverse proxy that collects answers before it passes them on, as many do: head and body are held until the answer's end,
 * or until so many bytes are there.
 */
export class BufferingProxy {
  readonly #server: Server
  readonly #agent = new Agent({ keepAlive: true })
  /** Bytes that it holds now. */
  held = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async to(target: string, options: Collecting): Promise<BufferingProxy> {
    const server = createServer((incoming, outgoing) => proxy.#pass(target, options, incoming, outgoing))
    const proxy = new BufferingProxy(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#agent.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #pass(
    target: string,
    { bytes, heeds, except }: Collecting,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): void {
    const { method, headers } = incoming
    const upstream = request(
      new URL(incoming.url ?? '/', target),
      { method, headers, agent: this.#agent },
      (answer) => {
        const { 'x-accel-buffering': says, 'content-type': type } = answer.headers
        const most = (heeds && says === 'no') || (except !== undefined && type === except) ? 0 : bytes
        let parts: Buffer[] = []
        let size = 0
        const flush = () => {
          if (!outgoing.headersSent) outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
          for (const part of parts) outgoing.write(part)
          this.held -= size
          parts = []
          size = 0
        }
        if (most === 0) {
          flush()
          outgoing.flushHeaders()
        }
        answer.on('data', (part: Buffer) => {
          parts.push(part)
          size += part.length
          this.held += part.length
          if (size >= most) flush()
        })
        answer.on('end', () => {
          flush()
          outgoing.end()
        })
        answer.on('error', () => outgoing.destroy())
      },
    )
    upstream.on('error', () => outgoing.destroy())
    outgoing.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  }
}
