import type { WebSocket } from 'ws'

/** A message on its way from one side to the other. */
export interface Message {
  readonly data: Buffer
  readonly binary: boolean
  readonly lane: Lane
}

/** One direction: what came and was not passed on, and whether the last that was passed on has left. */
class Lane {
  readonly from: WebSocket
  readonly to: WebSocket
  readonly queue: Message[] = []
  sending = false
  ended = false

  constructor(from: WebSocket, to: WebSocket) {
    this.from = from
    this.to = to
  }
}

/**
 * Two sockets as one sequence of messages, each taken when it is asked for. A side is read only while nothing of it waits, and a
 * message is handed out only when the one before it in its direction has left: so neither side can fill the memory, and one that does
 * not read does not hold up the other direction.
 */
export class Lanes {
  readonly #lanes: readonly [Lane, Lane]
  #wake: () => void = () => {}

  constructor(one: WebSocket, other: WebSocket) {
    this.#lanes = [new Lane(one, other), new Lane(other, one)]
    for (const lane of this.#lanes) this.#listen(lane)
  }

  /** The next message; `undefined` once a side has left and all that it sent was taken. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const lane = this.#lanes.find(
        ({ queue, sending, to }) => queue.length > 0 && !sending && to.readyState === to.OPEN,
      )
      if (lane) {
        const message = lane.queue.shift()
        if (lane.queue.length === 0 && !lane.ended) lane.from.resume()
        return message
      }
      if (this.#lanes.some(({ ended, queue, to }) => ended && (queue.length === 0 || to.readyState !== to.OPEN)))
        return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Passes a message on. */
  send({ data, binary, lane }: Message): void {
    lane.sending = true
    lane.to.send(data, { binary }, () => {
      lane.sending = false
      this.#wake()
    })
  }

  #listen(lane: Lane): void {
    lane.from.on('message', (data: Buffer, binary: boolean) => {
      lane.queue.push({ data, binary, lane })
      lane.from.pause()
      this.#wake()
    })
    const end = () => {
      lane.ended = true
      this.#wake()
    }
    lane.from.on('error', end)
    lane.from.on('close', end)
  }
}
