import type { WebSocket } from 'ws'
import { toStreamError } from '../../errors/error.ts'
import type { Delivery } from '../../seller/delivery.ts'
import { Lanes, type Message } from './lanes.ts'

/** Payment stopped, or the agreement ended: of the range that applications define for themselves (RFC 6455, section 7.4.2). */
export const PAYMENT_ENDED = 4402
const GOING_AWAY = 1001
const NORMAL = 1000

/**
 * Passes messages between a buyer and an upstream until one of them leaves or is not paid for. To the meter all messages of both
 * directions are one body, in the order in which they pass, counted as any other: nothing passes before it is covered.
 */
export async function relay(buyer: WebSocket, upstream: WebSocket, delivery: Delivery | undefined): Promise<void> {
  const lanes = new Lanes(buyer, upstream)
  const crossing: { readonly message: Message; left: number }[] = []
  /** So many further bytes are covered: passes on what is covered whole. */
  const passOn = (bytes: number) => {
    let covered = bytes
    for (let first = crossing[0]; first; first = crossing[0]) {
      const used = Math.min(covered, first.left)
      first.left -= used
      covered -= used
      if (first.left > 0) return
      crossing.shift()
      lanes.send(first.message)
    }
  }
  const perMessage = delivery?.price.unit === 'message' ? delivery : undefined
  const source = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const message = await lanes.next()
        if (!message) return controller.close()
        await perMessage?.add(1n)
        crossing.push({ message, left: message.data.length })
        controller.enqueue(message.data)
      },
    },
    { highWaterMark: 0 },
  )
  let end: readonly [number, string] | undefined
  try {
    const body = delivery ? delivery.sell(new Response(source)).body! : source
    for await (const chunk of body) passOn(chunk.length)
    passOn(0)
  } catch (error) {
    end = [PAYMENT_ENDED, toStreamError(error).code]
  }
  const gone = codes(upstream, buyer)
  close(buyer, ...(end ?? gone.upstream))
  close(upstream, ...(end ? ([GOING_AWAY, ''] as const) : gone.buyer))
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
