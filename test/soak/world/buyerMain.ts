import { join } from 'node:path'
import { recover } from '../../../src/buyer/journal/recover.ts'
import { openJournal } from '../../../src/ledger/index.ts'
import { answering } from './answering.ts'
import { sleep } from './clock.ts'
import { openLog } from './log.ts'
import { balanceOf, openNode } from './openNode.ts'
import type { BuyerOrder } from './orders.ts'
import { Stream } from './stream.ts'

/** A buyer's process: one node and one journal, a stream for each good that it wants. */
const order = JSON.parse(process.argv[2] ?? '') as BuyerOrder
const FOLLOW_MS = 20_000
const PAUSE_MS = 1000
const TRIES = 3

const log = openLog(join(order.folder, 'log'))
log.note({ is: 'life' })
const node = await openNode(order.node, log)
const journal = openJournal(join(order.folder, 'journal.db'))
let streams: Stream[] = []

/** As `streampay recover` would: payments that an earlier life left without an outcome are followed while this one buys. */
async function recoverPayments(): Promise<void> {
  // Agreements are for the streams to take up, so these go first.
  for (await sleep(PAUSE_MS); streams.length > 0; await sleep(PAUSE_MS)) {
    if ((await journal.abandonedPayments()).length > 0) await recover({ node, journal, withinMs: PAUSE_MS })
  }
}

/** What is left of this and earlier lives is followed to its end. Returns what stays open all the same. */
async function settleUp(): Promise<string[]> {
  for (let left = TRIES; ; left--) {
    const { payments, agreements } = await recover({ node, journal, close: true, withinMs: FOLLOW_MS })
    const open = [
      ...payments.filter(({ now }) => now === 'open' || now === 'elsewhere').map(({ payment }) => payment.paymentHash),
      ...agreements
        .filter(({ now, returned }) => now !== 'closed' || returned === 'pending' || returned === 'failed')
        .map(({ id, now, returned, error }) => `${id} is ${now}, ${returned ?? ''} ${error?.message ?? ''}`),
    ]
    if (open.length === 0 || left === 0) return open
    process.stderr.write(`recovering again: ${open.join('; ')}\n`)
    await sleep(PAUSE_MS)
  }
}

answering({
  balance: () => balanceOf(node),
  async connect(publicKey) {
    await node.openChannelTo?.(publicKey)
    return null
  },
  async hold(ms) {
    await node.pausePayments?.(true)
    await sleep(ms)
    await node.pausePayments?.(false)
    return null
  },
  async begin() {
    const { url, ahead, maxFeePercent, goods, seed } = order
    streams = goods.map(
      (name, i) => new Stream({ name, url, node, journal, log, ahead, maxFeePercent, seed: seed + 100 * i }),
    )
    recoverPayments().catch((error) => process.stderr.write(`recovering: ${error}\n`))
    return null
  },
  async progress() {
    return Object.fromEntries(streams.map(({ name, steps }) => [name, steps]))
  },
  async finish() {
    await Promise.all(streams.map((stream) => stream.stop()))
    await Promise.all(streams.map((stream) => stream.close()))
    streams = []
    return settleUp()
  },
  async close() {
    await journal.end()
    await node.close()
    setImmediate(() => process.exit())
    return null
  },
})
