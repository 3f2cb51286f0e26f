import { createBuyer } from '../../buyer/buyer.ts'
import { negotiate } from '../../buyer/offers/negotiate.ts'
import { control, type Endpoint, send } from '../../buyer/trade/control.ts'
import { statementNow } from '../../buyer/trade/watch.ts'
import { StreamError } from '../../errors/error.ts'
import type { Journal } from '../../ledger/index.ts'
import type { LightningNode } from '../../lightning/node.ts'
import { formatMsat, type Msat, minus, msat, sat, ZERO } from '../../money/msat.ts'
import type { Challenge } from '../../wire/challenge.ts'
import { type Judgement, ok, problem, warning } from './finding.ts'

/** For how long a piece is waited for: a stream says something at once, and a proxy that collects says nothing. */
export const LISTEN_MS = 5_000
/** The most that a try costs. */
export const TRIAL_MAX: Msat = sat(20)
const AHEAD = sat(10)
const ENOUGH_PIECES = 8

const TODO =
  'Turn the buffering of answers off in the proxy in front of the seller: nginx `proxy_buffering off`, or let it heed X-Accel-Buffering.'

/** How long the first statement of an agreement's control channel took, which nobody pays for and which does not end by itself. */
export interface First {
  readonly ms: number | undefined
}

/** Makes an agreement, listens to its control channel, and closes it. Costs nothing. @throws StreamError as a buyer meets it */
export async function listen(url: string, challenge: Challenge, node: LightningNode): Promise<First> {
  const endpoint: Endpoint = { url, method: 'GET', fetch: globalThis.fetch, timeoutMs: LISTEN_MS }
  const deal = await negotiate(
    endpoint,
    challenge,
    await node.info(),
    { strategy: () => ({ accept: true }), limits: [] },
    () => [],
  )
  const { secret, agreement } = deal
  const startedAt = performance.now()
  try {
    const payload = { action: 'watch' as const, agreement: agreement.id, secret }
    const response = await send(endpoint, deal.challenge, payload)
    const statement = await statementNow(response)
    return { ms: statement && performance.now() - startedAt }
  } catch (error) {
    // The seller answered everything else.
    if (performance.now() - startedAt >= LISTEN_MS) return { ms: undefined }
    throw error
  } finally {
    const end = { action: 'close' as const, agreement: agreement.id, secret, paid: ZERO }
    await control(endpoint, deal.challenge, end).catch(() => {})
  }
}

export function judgeFirst({ ms }: First): Judgement {
  if (ms !== undefined) return ok(`events of the seller come at once, after ${Math.round(ms)} ms`)
  const found = `an answer that goes on is held back: its first event did not come within ${LISTEN_MS / 1000} s`
  return problem('response-buffered', found, TODO)
}

/** How a paid stream came. */
export interface Pieces {
  /** When each piece came after the request, in ms. */
  readonly atMs: readonly number[]
  readonly whole: boolean
  readonly cost: Msat
  readonly error: StreamError | undefined
}

/** Buys a little, and looks when it comes. What is left of it is taken back. */
export async function listenPaying(url: string, node: LightningNode, journal: Journal): Promise<Pieces> {
  const buyer = createBuyer({ node, journal, max: TRIAL_MAX, ahead: AHEAD, stallMs: LISTEN_MS, schemes: ['stream'] })
  const startedAt = performance.now()
  const atMs: number[] = []
  let whole = false
  let error: StreamError | undefined
  try {
    const response = await buyer.fetch(url)
    const reader = response.body!.getReader()
    for (const end = startedAt + 3 * LISTEN_MS; performance.now() < end && atMs.length < ENOUGH_PIECES; ) {
      const { done } = await reader.read()
      whole = done
      if (done) break
      atMs.push(performance.now() - startedAt)
    }
    reader.cancel().catch(() => {})
  } catch (failure) {
    if (!(failure instanceof StreamError)) throw failure
    // The budget of a try is soon used up.
    if (failure.code !== 'budget-exhausted') error = failure
  }
  await buyer.close().catch(() => [])
  const returned = buyer.trades.reduce((sum, trade) => sum + trade.returned, 0n)
  return { atMs, whole, error, cost: minus(buyer.spent, msat(returned)) }
}

export function judgePieces({ atMs, whole, cost, error }: Pieces): Judgement {
  if (error) {
    const held = error.code === 'response-buffered' || error.code === 'stream-stalled'
    return problem(error.code, `a paid stream did not come: ${error.message}`, held ? TODO : error.hint)
  }
  const paid = `for ${formatMsat(cost)}`
  const [first, last] = [atMs[0], atMs.at(-1)]
  if (first === undefined || last === undefined) {
    return warning(`a paid answer was empty, ${paid}`, 'Look at a URL whose answer is longer.')
  }
  if (atMs.length === 1)
    return ok(
      `a paid answer came in one piece, after ${Math.round(first)} ms, ${paid}${whole ? '' : ': as far as it was read'}`,
    )
  return ok(
    `a paid stream came in pieces, the first after ${Math.round(first)} ms and ${atMs.length} by ${Math.round(last)} ms, ${paid}`,
  )
}
