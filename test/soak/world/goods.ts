import { sat, ZERO } from '../../../src/money/msat.ts'
import type { WallOptions } from '../../../src/seller/paywall.ts'
import { sleep } from './clock.ts'

/** Something for sale: each has a wall of its own, and so agreements of its own. About 5 sat a second when it is read steadily. */
export interface Good {
  readonly wall: WallOptions & { readonly price: string; readonly scope: string }
  readonly contentType: string
  /** One piece of the answer; `undefined`: the answer is whole at once. */
  readonly piece?: { readonly text: string; readonly everyMs: number }
  /** Steps that one piece is worth to whoever gets it. */
  readonly stepsAPiece: number
}

const CONTENT = 'text/plain'
const BYTES = 1024

export const GOODS = {
  /** Nothing on credit. */
  bytes: {
    wall: { price: '1 sat/4 KiB', scope: 'bytes' },
    contentType: CONTENT,
    piece: { text: `${'b'.repeat(BYTES - 1)}\n`, everyMs: 50 },
    stepsAPiece: BYTES,
  },
  /** As fast as it is taken, on a small credit: the windows alone hold it back. */
  bulk: {
    wall: { price: '1 sat/64 KiB', scope: 'bulk', credit: '4 sat' },
    contentType: CONTENT,
    piece: { text: `${'k'.repeat(16 * BYTES - 1)}\n`, everyMs: 0 },
    stepsAPiece: 16 * BYTES,
  },
  /** Credit that is earned by paying. */
  ramp: {
    wall: { price: '1 sat/2 KiB', scope: 'ramp', credit: { start: ZERO, max: sat(5), ramp: 4n } },
    contentType: CONTENT,
    piece: { text: `${'r'.repeat(BYTES - 1)}\n`, everyMs: 100 },
    stepsAPiece: BYTES,
  },
  tokens: {
    wall: { price: '200 msat/token', scope: 'tokens', credit: '2 sat' },
    contentType: 'text/event-stream',
    piece: { text: 'data: {"choices":[{"delta":{"content":"word "}}]}\n\n', everyMs: 40 },
    stepsAPiece: 1,
  },
  /** Work: each piece takes its time to make, and so long it is worth. */
  seconds: {
    wall: { price: '5 sat/second', scope: 'seconds', credit: '1 sat' },
    contentType: CONTENT,
    piece: { text: 'tick\n', everyMs: 50 },
    stepsAPiece: 50,
  },
  requests: { wall: { price: '1 sat/request', scope: 'requests' }, contentType: CONTENT, stepsAPiece: 1 },
} as const satisfies Readonly<Record<string, Good>>

export type GoodName = keyof typeof GOODS

export const isGood = (name: string): name is GoodName => Object.hasOwn(GOODS, name)
export const good = (name: GoodName): Good => GOODS[name]

/** The handler that the seller sells; `?pieces=` says how long the answer is. */
export function source({ piece, contentType }: Good): (request: Request) => Promise<Response> {
  return async (request) => {
    const headers = { 'content-type': contentType }
    if (!piece) return new Response('whole\n', { headers })
    let left = Math.min(100_000, Number(new URL(request.url).searchParams.get('pieces') ?? 1))
    const bytes = new TextEncoder().encode(piece.text)
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (left-- <= 0) return controller.close()
          await work(piece.everyMs)
          controller.enqueue(bytes)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { headers })
  }
}

/** Never shorter than it says, since a piece of work is worth its time: a timer alone may come a millisecond early. */
async function work(ms: number): Promise<void> {
  for (const start = performance.now(), end = start + ms; performance.now() < end; )
    await sleep(Math.max(1, end - performance.now()))
}

/** Counts pieces in a text that comes in parts. Ours, and not the meter's: what is measured must not measure itself. */
export class PieceCounter {
  readonly #good: Good
  #bytes = 0

  constructor(of: Good) {
    this.#good = of
  }

  /** The steps that this part completes. */
  push(part: Uint8Array): number {
    const { piece, stepsAPiece } = this.#good
    if (!piece) return 0
    // A byte is worth something by itself; anything else only once it is whole.
    if (stepsAPiece === piece.text.length) return part.byteLength
    const whole = Math.floor(this.#bytes / piece.text.length)
    this.#bytes += part.byteLength
    return (Math.floor(this.#bytes / piece.text.length) - whole) * stepsAPiece
  }
}
