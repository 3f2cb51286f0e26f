import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { LightningNode } from '../../src/lightning/node.ts'
import { msat, sat } from '../../src/money/msat.ts'

export interface LoopOptions {
  readonly seller: LightningNode
  readonly buyer: LightningNode
  readonly seconds: number
  /** Stops early. */
  readonly signal?: AbortSignal
}

export interface LoopResult {
  readonly items: number
  readonly seconds: number
  readonly itemsPerSecond: number
}

/**
 * The loop of the prototype that Stream replaces, one item a payment and nothing at the same time: the seller makes an
 * invoice, the buyer pays it and shows the preimage, the seller delivers one item over a local socket, and again.
 * Its speed is that of one payment after another, whatever an item is. 1 sat an item.
 */
export async function prototypeLoop({ seller, buyer, seconds, signal }: LoopOptions): Promise<LoopResult> {
  const server = createServer((socket) => void sell(seller, socket).catch(() => socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.setNoDelay(true)
  try {
    return await buy(buyer, socket, seconds, signal)
  } finally {
    socket.destroy()
    server.close()
  }
}

async function sell(node: LightningNode, socket: Socket): Promise<void> {
  socket.setNoDelay(true)
  let item = 0
  let expected: string | undefined
  for await (const line of createInterface({ input: socket })) {
    if (expected === undefined) {
      const [invoice] = await node.createInvoices([{ amount: sat(1), description: 'item', expiresInSeconds: 600 }])
      expected = invoice!.paymentHash
      socket.write(`${invoice!.request}\n`)
    } else {
      const paid = createHash('sha256').update(Buffer.from(line, 'hex')).digest('hex') === expected
      if (!paid) throw new Error('not the preimage')
      expected = undefined
      socket.write(`item ${++item}\n`)
    }
  }
}

async function buy(node: LightningNode, socket: Socket, seconds: number, signal?: AbortSignal): Promise<LoopResult> {
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  const ask = async (line: string): Promise<string> => {
    socket.write(`${line}\n`)
    const answer = await lines.next()
    if (answer.done) throw new Error('the seller hung up')
    return answer.value
  }
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1000
  let items = 0
  while (elapsed() < seconds && !signal?.aborted) {
    const request = await ask('next')
    const outcome = await node.pay({ request, maxFee: msat(0n), timeoutMs: 30_000 })
    if (outcome.status !== 'settled') throw new Error(`a payment did not settle: ${JSON.stringify(outcome)}`)
    await ask(outcome.preimage)
    items++
  }
  return { items, seconds: elapsed(), itemsPerSecond: items / elapsed() }
}
