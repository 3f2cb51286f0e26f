import type { WebSocket } from 'ws'
import { toStreamError } from '../../errors/error.ts'
import type { Meter } from '../../seller/meter.ts'
import { Lanes, type Message } from './lanes.ts'

/** Payment stopped, or the agreement ended: of the range that applications define for themselves (RFC 6455, section 7.4.2). */
export const PAYMENT_ENDED = 4402
const GOING_AWAY = 1001
const NORMAL = 1000

/**
 * Passes messages between a buyer and an upstream until one of them leaves or is not paid for. To the meter all messages of both
 * directions are one body, in the order in which they pass, counted as any other: nothing passes before it is covered.
 */
export class Relay {
  /** The messages as one body, which is to be sold. */
  readonly source: ReadableStream<Uint8Array>
  readonly #buyer: WebSocket
  readonly #upstream: WebSocket
  readonly #lanes: Lanes
  readonly #crossing: { readonly message: Message; left: number }[] = []

  /** @param meter of what is sold, where that is counted by the message */
  constructor(buyer: WebSocket, upstream: WebSocket, meter?: Pick<Meter, 'add' | 'price'>) {
    this.#buyer = buyer
    this.#upstream = upstream
    this.#lanes = new Lanes(buyer, upstream)
    const perMessage = meter?.price.unit === 'message' ? meter : undefined
    this.source = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const message = await this.#lanes.next()
          if (!message) return controller.close()
          await perMessage?.add(1n)
          this.#crossing.push({ message, left: message.data.length })
          controller.enqueue(message.data)
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** @param body the source, as far as it is covered */
  async run(body: ReadableStream<Uint8Array>): Promise<void> {
    let end: Ending | undefined
    try {
      for await (const chunk of body) this.#passOn(chunk.length)
      this.#passOn(0)
    } catch (error) {
      end = [PAYMENT_ENDED, toStreamError(error).code]
    }
    this.close(end)
  }

  /** Ends both sides, each as the other ended. @param end what the buyer is told instead */
  close(end?: Ending): void {
    const gone = codes(this.#upstream, this.#buyer)
    close(this.#buyer, ...(end ?? gone.upstream))
    close(this.#upstream, ...(end ? ([GOING_AWAY, ''] as const) : gone.buyer))
  }

  /** So many further bytes are covered: passes on what is covered whole. */
  #passOn(bytes: number): void {
    let covered = bytes
    for (let first = this.#crossing[0]; first; first = this.#crossing[0]) {
      const used = Math.min(covered, first.left)
      first.left -= used
      covered -= used
      if (first.left > 0) return
      this.#crossing.shift()
      this.#lanes.send(first.message)
    }
  }
}

type Ending = readonly [code: number, reason: string]
const endings = new WeakMap<WebSocket, Ending>()

/** Notes how a socket's other side closes it. */
export function noteEnding(socket: WebSocket): WebSocket {
  socket.on('close', (code, reason) => endings.set(socket, [code, reason.toString()]))
  return socket
}

const codes = (upstream: WebSocket, buyer: WebSocket) => ({
  upstream: endings.get(upstream) ?? ([NORMAL, ''] as const),
  buyer: endings.get(buyer) ?? ([GOING_AWAY, ''] as const),
})

/** Codes that speak of a broken connection are not sent (RFC 6455, section 7.4.1). */
function close(socket: WebSocket, code: number, reason: string): void {
  const sendable =
    code === NORMAL ||
    (code >= 1001 && code <= 1014 && ![1004, 1005, 1006].includes(code)) ||
    (code >= 3000 && code <= 4999)
  if (socket.readyState === socket.OPEN) socket.close(sendable ? code : GOING_AWAY, reason)
}
