import type { Buyer } from '../../../src/buyer/buyer.ts'
import { StreamError, toStreamError } from '../../../src/errors/error.ts'
import { decodeReceipt } from '../../../src/wire/receipt.ts'
import { sleep } from './clock.ts'
import { type GoodName, good, PieceCounter } from './goods.ts'
import type { Log } from './log.ts'
import type { Random } from './random.ts'
import { usedBy } from './wire.ts'

/** Carries the number of a request to where it leaves. */
const REQUEST = 'x-soak-request'
const SLOW_MS = { least: 60, most: 250 }
const PAUSE_MS = 120

let requests = 0

/** The transport of a buyer: notes when a request on an agreement leaves. */
export function notedFetch(log: Log): typeof globalThis.fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers)
    const agreement = usedBy(headers.get('authorization') ?? '')
    const request = headers.get(REQUEST)
    if (agreement && request !== null) log.note({ is: 'open', agreement, request: Number(request) })
    return fetch(input, init)
  }
}

/**
 * Buys one answer: to its end, or left in the middle, or read slowly. Resolves to whether it was read as meant.
 * @throws StreamError what ended it
 */
export async function purchase(
  buyer: Buyer,
  of: {
    readonly onSteps: (steps: number) => void
    readonly name: GoodName
    readonly url: string
    readonly log: Log
    readonly by: Random
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { log, by, signal } = of
  const request = ++requests
  const pieces = by.whole(15, 60)
  const way = by.pick(['whole', 'whole', 'slow', 'abandoned'] as const)
  try {
    const init = { headers: { [REQUEST]: `${request}` }, signal }
    const response = await buyer.fetch(`${of.url}/${of.name}?pieces=${pieces}`, init)
    const receipt = response.headers.get('payment-receipt')
    if (!response.ok || receipt === null) {
      throw new StreamError('seller-failed', `the seller answered ${response.status}: ${await response.text()}`)
    }
    const agreement = decodeReceipt(receipt).reference
    const got = (steps: number): void => {
      if (steps === 0) return
      log.note({ is: 'got', agreement, steps })
      of.onSteps(steps)
    }
    const { piece, stepsAPiece } = good(of.name)
    if (!piece) {
      got(stepsAPiece)
      await response.arrayBuffer()
      return await sleep(PAUSE_MS)
    }
    const counter = new PieceCounter(good(of.name))
    const leaveAfter = way === 'abandoned' ? by.whole(1, pieces) : Number.POSITIVE_INFINITY
    const reader = response.body!.getReader()
    for (let parts = 1; ; parts++) {
      const { done, value } = await reader.read()
      if (done) return
      got(counter.push(value))
      if (parts >= leaveAfter) return await reader.cancel()
      if (way === 'slow') await sleep(by.whole(SLOW_MS.least, SLOW_MS.most))
    }
  } catch (error) {
    throw toStreamError(error)
  } finally {
    log.note({ is: 'shut', request })
  }
}
