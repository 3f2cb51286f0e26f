import { StreamError, toStreamError } from '../../errors/error.ts'
import type { Collector } from '../stats/collector.ts'
import { readPriceText } from '../stats/priceText.ts'
import { type Bucket, bucketOf, fill, isSpan, SPANS, type Span } from '../stats/series.ts'
import { priceOf, type Snapshot } from '../stats/snapshot.ts'
import { csv, json } from './answers.ts'

const MAX_BODY = 4096
const MAX_EXPORTED = 20_000
const MAX_EDITS_SHOWN = 100

/** The buckets that are kept of a span. @throws StreamError `ledger-failed` */
function kept(collector: Collector, span: Span, route: string, nowMs: number): Bucket[] {
  const { widthMs, count, keptMs } = SPANS[span]
  return collector.store.revenue(keptMs, bucketOf(nowMs, widthMs) - (count - 1) * widthMs, route)
}

/** The revenue of a span: one number for each bucket, oldest first, in msat. */
export interface Revenue {
  readonly span: Span
  readonly widthMs: number
  readonly startMs: readonly number[]
  readonly paid: readonly bigint[]
  readonly earned: readonly bigint[]
  readonly returned: readonly bigint[]
  readonly payments: readonly bigint[]
}

export function revenue(collector: Collector, url: URL, nowMs: number): Response {
  const { span, route } = asked(url)
  const { widthMs } = SPANS[span]
  const buckets = fill(kept(collector, span, route, nowMs), span, nowMs)
  const told: Revenue = {
    span,
    widthMs,
    startMs: buckets.map(({ startMs }) => startMs),
    paid: buckets.map(({ paid }) => paid),
    earned: buckets.map(({ earned }) => earned),
    returned: buckets.map(({ returned }) => returned),
    payments: buckets.map(({ payments }) => payments),
  }
  return json(told)
}

export function revenueCsv(collector: Collector, url: URL, nowMs: number): Response {
  const { span, route } = asked(url)
  const { keptMs } = SPANS[span]
  const buckets = kept(collector, span, route, nowMs)
  const names = ['from', 'seconds', 'paid_msat', 'earned_msat', 'returned_msat', 'payments']
  const rows = buckets.map(({ startMs, paid, earned, returned, payments }) => [
    new Date(startMs).toISOString(),
    keptMs / 1000,
    paid,
    earned,
    returned,
    payments,
  ])
  return csv(names, rows, `revenue-${span}.csv`)
}

export function buyersCsv(collector: Collector): Response {
  const names = [
    'agreement',
    'route',
    'client',
    'opened',
    'seen',
    'state',
    'paid_msat',
    'earned_msat',
    'returned_msat',
    'payments',
  ]
  const rows = collector.store
    .sights(MAX_EXPORTED)
    .map(({ agreement, route, client, openedAtMs, seenAtMs, state, paid, earned, returned, payments }) => [
      agreement,
      route,
      client,
      new Date(openedAtMs).toISOString(),
      new Date(seenAtMs).toISOString(),
      state,
      paid,
      earned,
      returned,
      payments,
    ])
  return csv(names, rows, 'buyers.csv')
}

export const prices = (collector: Collector): Response => json(collector.store.prices(MAX_EDITS_SHOWN))

/** `POST /api/price { route, price }`: new offers at once; agreements that were made keep their price. */
export async function setPrice(collector: Collector, request: Request, by: string): Promise<Response> {
  const { gateway, store } = collector
  try {
    const { route: name, price } = await priceAsked(request)
    const route = gateway.routes.find((candidate) => candidate.name === name)
    if (!route) throw new StreamError('option-invalid', `there is no route "${name}"`)
    const was = priceOf(route)
    gateway.setPrice(name, readPriceText(price))
    const now = priceOf(gateway.routes.find((candidate) => candidate.name === name) ?? route)
    if (now !== was) store.notePrice({ atMs: Date.now(), route: name, was, now, by })
    return json({ route: name, was, now })
  } catch (error) {
    const { message, hint, code, status } = toStreamError(error)
    return json(
      { error: code === 'internal' ? 'the price could not be set' : message, hint, code },
      { status: Math.max(400, status) },
    )
  }
}

/** @throws StreamError `option-invalid` */
async function priceAsked(request: Request): Promise<{ readonly route: string; readonly price: string }> {
  const body: unknown = parse(await limitedText(request, MAX_BODY))
  const { route, price } = (typeof body === 'object' && body !== null ? body : {}) as {
    route?: unknown
    price?: unknown
  }
  if (typeof route !== 'string' || typeof price !== 'string') {
    throw new StreamError('option-invalid', 'a price edit is JSON with "route" and "price", both text')
  }
  return { route, price }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The body as text. @throws StreamError `option-invalid` beyond so many bytes */
export async function limitedText(request: Request, most: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length
    if (bytes > most) throw new StreamError('option-invalid', `the body is longer than ${most} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function asked(url: URL): { readonly span: Span; readonly route: string } {
  const span = url.searchParams.get('span') ?? 'day'
  return { span: isSpan(span) ? span : 'day', route: (url.searchParams.get('route') ?? '').slice(0, 64) }
}

/** What a page is told once: the state, and the word it sends with changes. */
export const session = (state: Snapshot, csrf: string): Response => json({ csrf, state })
