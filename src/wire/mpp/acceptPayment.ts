/** One range of an `Accept-Payment` header: what a client can pay by, and how much it likes it. */
export interface PaymentRange {
  /** Such as `lightning`, or `*` for any. */
  readonly method: string
  /** Such as `stream`, `session` or `charge`, or `*` for any. */
  readonly intent: string
  /** In thousandths, 0 to 1000. 0 is "not this one". */
  readonly weight: number
}

const MAX_HEADER = 2048
const MAX_RANGES = 64
const RANGE = /^([a-z]+|\*)\/([A-Za-z0-9-]+|\*)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i

/**
 * Reads an `Accept-Payment` header (draft-httpauth-payment, "Client Payment Preferences"). `undefined` for one that cannot be read, or names nothing:
 * it is then as if it were not there.
 * @example parseAcceptPayment('lightning/session, lightning/charge;q=0.5')
 */
export function parseAcceptPayment(header: string): PaymentRange[] | undefined {
  if (header.length > MAX_HEADER) return undefined
  const parts = header
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const ranges = parts.map((part) => RANGE.exec(part))
  if (parts.length === 0 || parts.length > MAX_RANGES || ranges.includes(null)) return undefined
  return ranges.map((range) => ({
    method: range![1]!.toLowerCase(),
    intent: range![2]!.toLowerCase(),
    weight: Math.round(Number(range![3] ?? '1') * 1000),
  }))
}

/** The value of an `Accept-Payment` header. */
export const formatAcceptPayment = (ranges: readonly PaymentRange[]): string =>
  ranges
    .map(({ method, intent, weight }) => `${method}/${intent}${weight === 1000 ? '' : `;q=${weight / 1000}`}`)
    .join(', ')

/** How much a client likes one combination, in thousandths: the most specific range decides. 0 if none names it. */
export function weightOf(ranges: readonly PaymentRange[], method: string, intent: string): number {
  const matching = ranges.filter(
    (range) => (range.method === method || range.method === '*') && (range.intent === intent || range.intent === '*'),
  )
  const specificity = (range: PaymentRange) => (range.method === '*' ? 0 : 2) + (range.intent === '*' ? 0 : 1)
  return matching.sort((a, b) => specificity(b) - specificity(a))[0]?.weight ?? 0
}

/**
 * What of a server's own list a client is offered: by falling weight, in the server's order where that is equal, without what weighs nothing. All of
 * it where the header is absent, cannot be read, or leaves nothing.
 */
export function preferred<T extends { readonly method: string; readonly intent: string }>(
  header: string | null | undefined,
  offers: readonly T[],
): readonly T[] {
  const ranges = header ? parseAcceptPayment(header) : undefined
  if (!ranges) return offers
  const weighed = offers.map((offer) => ({ offer, weight: weightOf(ranges, offer.method, offer.intent) }))
  const wanted = weighed.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight)
  return wanted.length === 0 ? offers : wanted.map(({ offer }) => offer)
}
