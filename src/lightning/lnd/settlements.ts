import { msat } from '../../money/msat.ts'
import type { Settlement } from '../node.ts'
import { pause } from '../pause.ts'
import { nodeError } from './errors.ts'
import type { LndInvoice, LndRpc } from './rpc.ts'

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 5_000
/** A dead peer closes nothing: an unanswered request is how a silent loss is found. */
const HEARTBEAT_MS = 30_000
const HEARTBEAT_ANSWER_MS = 10_000
/** When to look again for the very first settlement, see `listen`. */
const LOOK_AGAIN_MS = [1_000, 5_000, 30_000] as const
const PAGE = 1000

/**
 * Follows LND's settle index. The place is moved by settled invoices only, and every reconnect resumes from it,
 * so no settlement is lost and none is told twice. One outage is one call of `onError`, however long it lasts.
 */
export function subscribeSettlements(
  rpc: LndRpc,
  since: bigint,
  onSettled: (settlement: Settlement) => void,
  onError: (error: Error) => void,
): () => void {
  const ending = new AbortController()
  const { signal } = ending
  let place = since
  let retryMs = FIRST_RETRY_MS
  let reported: string | undefined

  const answered = (): void => {
    retryMs = FIRST_RETRY_MS
    reported = undefined
  }
  const take = (invoice: LndInvoice): void => {
    const index = BigInt(invoice.settle_index)
    if (signal.aborted || invoice.state !== 'SETTLED' || index <= place) return
    place = index
    onSettled({ index, paymentHash: invoice.r_hash.toString('hex'), amount: msat(BigInt(invoice.amt_paid_msat)) })
  }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        // LND takes an index of zero to mean "from now on": what is there already is found in its list of invoices.
        const first = place === 0n ? await earliest(rpc) : undefined
        if (first) take(first)
        await listen({ rpc, place: () => place, take, answered, signal })
      } catch (error) {
        if (signal.aborted) return
        const known = nodeError(error, 'following settlements')
        if (known.code !== reported) onError(known)
        reported = known.code
        await pause(retryMs, signal)
        retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
      }
    }
  }
  void run()
  return () => ending.abort()
}

interface Listening {
  readonly rpc: LndRpc
  readonly place: () => bigint
  readonly take: (invoice: LndInvoice) => void
  readonly answered: () => void
  readonly signal: AbortSignal
}

/**
 * One subscription. Rejects when it breaks; resolves when it was ended, or must start again from the list of invoices.
 *
 * Nothing tells when LND has registered a subscription. From any place above zero that does no harm, since LND then sends
 * what lies between. From zero a settlement between the listing and the registering would be lost: so the list is
 * looked at again, until there is a first settlement or half a minute has passed.
 */
async function listen({ rpc, place, take, answered, signal }: Listening): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timers: NodeJS.Timeout[] = []
  const stream = rpc.subscribeInvoices(place())
  stream.on('data', (invoice) => {
    answered()
    const skipped = place() === 0n && invoice.state === 'SETTLED' && BigInt(invoice.settle_index) > 1n
    if (skipped) over.resolve()
    else take(invoice)
  })
  stream.on('error', over.reject)
  stream.on('end', () => over.reject(ENDED))
  const stop = (): void => over.resolve()
  signal.addEventListener('abort', stop, { once: true })

  const heartbeat = { index_offset: '0', num_max_invoices: '1', reversed: true }
  timers.push(
    setInterval(
      () => rpc.call('listInvoices', heartbeat, HEARTBEAT_ANSWER_MS).then(answered, over.reject),
      HEARTBEAT_MS,
    ),
  )
  const lookAgain = async (): Promise<void> => {
    if (place() === 0n && (await earliest(rpc)) && place() === 0n) over.resolve()
  }
  if (place() === 0n) {
    for (const wait of LOOK_AGAIN_MS) timers.push(setTimeout(() => lookAgain().catch(over.reject), wait))
  }
  try {
    await over.promise
  } finally {
    for (const timer of timers) clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    stream.cancel()
  }
}

const ENDED = new Error('LND ended the subscription')

/** The settled invoice with the lowest settle index. Pages through invoices in the order they were added. */
async function earliest(rpc: LndRpc): Promise<LndInvoice | undefined> {
  let first: LndInvoice | undefined
  let offset = '0'
  for (;;) {
    const page = await rpc.call('listInvoices', { index_offset: offset, num_max_invoices: `${PAGE}`, reversed: false })
    for (const invoice of page.invoices) {
      if (invoice.state !== 'SETTLED') continue
      if (invoice.settle_index === '1') return invoice
      if (first === undefined || BigInt(invoice.settle_index) < BigInt(first.settle_index)) first = invoice
    }
    if (page.invoices.length < PAGE) return first
    offset = page.last_index_offset
  }
}
