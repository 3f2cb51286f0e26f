/** One width of bucket: how wide, and for how long it is kept. In ms. */
export interface Width {
  readonly widthMs: number
  readonly keepMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Minutes of a day and more, hours of two months, days of five years: at most 4,900 buckets a route. */
export const WIDTHS: readonly Width[] = [
  { widthMs: MINUTE_MS, keepMs: 26 * HOUR_MS },
  { widthMs: HOUR_MS, keepMs: 62 * DAY_MS },
  { widthMs: DAY_MS, keepMs: 5 * 366 * DAY_MS },
]

/** What a person may ask to see: so many buckets of a width, each made of those that are kept. */
export const SPANS = {
  hour: { widthMs: MINUTE_MS, count: 60, keptMs: MINUTE_MS },
  day: { widthMs: 15 * MINUTE_MS, count: 96, keptMs: MINUTE_MS },
  week: { widthMs: 2 * HOUR_MS, count: 84, keptMs: HOUR_MS },
  month: { widthMs: 6 * HOUR_MS, count: 124, keptMs: HOUR_MS },
  year: { widthMs: 4 * DAY_MS, count: 92, keptMs: DAY_MS },
} as const

export type Span = keyof typeof SPANS

export const isSpan = (text: string): text is Span => Object.hasOwn(SPANS, text)

/** Where the bucket begins that a time lies in. Days are those of UTC. */
export const bucketOf = (atMs: number, widthMs: number): number => Math.floor(atMs / widthMs) * widthMs

/** What happened in a bucket, in msat but for the counts. */
export interface Sums {
  /** Settled, by the word of the node. */
  readonly paid: bigint
  /** Paid for and delivered: what is the seller's. May shrink, when a failed answer is taken back. */
  readonly earned: bigint
  /** On its way back to buyers, or there. */
  readonly returned: bigint
  readonly payments: bigint
}

export const NOTHING: Sums = { paid: 0n, earned: 0n, returned: 0n, payments: 0n }

export const add = (a: Sums, b: Sums): Sums => ({
  paid: a.paid + b.paid,
  earned: a.earned + b.earned,
  returned: a.returned + b.returned,
  payments: a.payments + b.payments,
})

export const subtract = (a: Sums, b: Sums): Sums => ({
  paid: a.paid - b.paid,
  earned: a.earned - b.earned,
  returned: a.returned - b.returned,
  payments: a.payments - b.payments,
})

export const isNothing = ({ paid, earned, returned, payments }: Sums): boolean =>
  paid === 0n && earned === 0n && returned === 0n && payments === 0n

export interface Bucket extends Sums {
  readonly startMs: number
}

/** Every bucket of a span up to now, those in which nothing happened included. */
export function fill(buckets: readonly Bucket[], span: Span, nowMs: number): Bucket[] {
  const { widthMs, count } = SPANS[span]
  const known = new Map<number, Bucket>()
  for (const bucket of buckets) {
    const startMs = bucketOf(bucket.startMs, widthMs)
    known.set(startMs, { ...add(known.get(startMs) ?? NOTHING, bucket), startMs })
  }
  const lastMs = bucketOf(nowMs, widthMs)
  return Array.from({ length: count }, (_, i) => {
    const startMs = lastMs - (count - 1 - i) * widthMs
    return known.get(startMs) ?? { ...NOTHING, startMs }
  })
}
