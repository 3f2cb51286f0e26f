import { msat } from '../../money/msat.ts'
import type { Settlement } from '../node.ts'
import { nodeError } from './errors.ts'
import { type LndInvoice, type LndRpc, type RpcStream, unary } from './rpc.ts'

const PAGE = 1000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 5_000
/** A dead peer closes nothing: an unanswered request is how a silent loss is found. */
const HEARTBEAT_MS = 30_000
const HEARTBEAT_ANSWER_MS = 10_000
/** When to look again for the very first settlement, see `start`. */
const LOOK_AGAIN_MS = [1_000, 5_000, 30_000] as const

/**
 * Follows LND's settle index. The place is moved by settled invoices only, and every reconnect resumes from it,
 * so no settlement is lost and none is told twice.
 */
export function subscribeSettlements(
  rpc: LndRpc,
  since: bigint,
  onSettled: (settlement: Settlement) => void,
  onError: (error: Error) => void,
): () => void {
  let place = since
  let ended = false
  let stream: RpcStream<LndInvoice> | undefined
  let retryMs = FIRST_RETRY_MS
  let lastCode: string | undefined
  // Every (re)start is a new round; what an older one still reports is no longer heard.
  let round = 0
  const timers = new Set<NodeJS.Timeout>()

  const after = (ms: number, run: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, ms)
    timers.add(timer)
  }
  const stop = (): void => {
    round++
    for (const timer of timers) clearTimeout(timer)
    timers.clear()
    stream?.cancel()
    stream = undefined
  }
  const fail = (mine: number, error: unknown): void => {
    if (ended || mine !== round) return
    stop()
    const known = nodeError(error, 'following settlements')
    // One report for one outage, not one for every attempt.
    if (known.code !== lastCode) onError(known)
    lastCode = known.code
    after(retryMs, () => {
      if (retryMs >= LAST_RETRY_MS) rpc.renew()
      start()
    })
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
  }
  const answered = (): void => {
    retryMs = FIRST_RETRY_MS
    lastCode = undefined
  }
  const settled = (invoice: LndInvoice): void => {
    const index = BigInt(invoice.settle_index)
    if (invoice.state !== 'SETTLED' || index <= place) return
    place = index
    onSettled({ index, paymentHash: invoice.r_hash.toString('hex'), amount: msat(BigInt(invoice.amt_paid_msat)) })
  }

  const listen = (mine: number): void => {
    const { default: lightning } = rpc.clients
    stream = lightning.subscribeInvoices({ settle_index: place.toString() })
    stream.on('data', (invoice) => {
      if (mine !== round) return
      answered()
      // From zero LND sends no backlog: if the first one heard is not the first there was, fetch what is missing.
      if (place === 0n && invoice.state === 'SETTLED' && BigInt(invoice.settle_index) > 1n) {
        stop()
        start()
      } else settled(invoice)
    })
    stream.on('error', (error) => fail(mine, error))
    stream.on('end', () => fail(mine, new Error('LND ended the subscription')))
    heartbeat(mine)
  }
  const heartbeat = (mine: number): void =>
    after(HEARTBEAT_MS, () => {
      const { default: lightning } = rpc.clients
      const request = { index_offset: '0', num_max_invoices: '1', reversed: true }
      unary(lightning.listInvoices, lightning, request, HEARTBEAT_ANSWER_MS).then(
        () => mine === round && heartbeat(mine),
        (error) => fail(mine, error),
      )
    })

  /**
   * LND takes a settle index of zero to mean "from now on". So the earliest settlement is looked up in the list of
   * invoices, and the stream carries on from it. While there is none, one that settles between the listing and LND's
   * registering of the stream would be missed: hence the second looks.
   */
  const start = (): void => {
    const mine = ++round
    const lookAt = (waits: readonly number[]): void => {
      const [wait, ...rest] = waits
      if (wait === undefined || place !== 0n) return
      after(wait, () =>
        earliest(rpc).then(
          (found) => {
            if (mine !== round || place !== 0n) return
            if (found === undefined) return lookAt(rest)
            stop()
            start()
          },
          (error) => fail(mine, error),
        ),
      )
    }
    if (place !== 0n) {
      listen(mine)
      return
    }
    earliest(rpc).then(
      (found) => {
        if (mine !== round) return
        answered()
        if (found !== undefined) settled(found)
        if (mine !== round) return
        listen(mine)
        lookAt(LOOK_AGAIN_MS)
      },
      (error) => fail(mine, error),
    )
  }

  start()
  return () => {
    ended = true
    stop()
  }
}

/** The settled invoice with the lowest settle index. Pages through invoices in the order they were added. */
async function earliest(rpc: LndRpc): Promise<LndInvoice | undefined> {
  const { default: lightning } = rpc.clients
  let first: LndInvoice | undefined
  let offset = '0'
  for (;;) {
    const request = { index_offset: offset, num_max_invoices: `${PAGE}`, reversed: false }
    const page = await unary(lightning.listInvoices, lightning, request)
    for (const invoice of page.invoices) {
      if (invoice.state !== 'SETTLED') continue
      if (invoice.settle_index === '1') return invoice
      if (first === undefined || BigInt(invoice.settle_index) < BigInt(first.settle_index)) first = invoice
    }
    if (page.invoices.length < PAGE) return first
    offset = page.last_index_offset
  }
}
