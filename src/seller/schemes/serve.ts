import { StreamError } from '../../errors/error.ts'
import { encodeLightningReceipt, type LightningReceipt } from '../../wire/mpp/receipt.ts'
import type { Account } from '../account.ts'
import type { Delivery } from '../delivery.ts'
import type { PaidHandler } from '../meter.ts'
import type { Seller } from '../seller.ts'
import { withReceipt } from '../withReceipt.ts'

/** What a wall does for its schemes. */
export interface Host {
  readonly seller: Seller
  /** The scope of what this wall sells. */
  readonly scope: () => string
  /** How long a session is held for a top-up. In ms. */
  readonly holdMs: () => number
  /** A delivery on an agreement, made and counted as any of the wall's. @throws StreamError `agreement-unknown`, `agreement-expired`, `too-many-streams` */
  readonly deliver: (request: Request, account: Account, graceMs: number, onEnd?: () => void) => Delivery
}

/** A request that is paid for, and what is to be done about it. */
export interface Use {
  readonly host: Host
  readonly handler: PaidHandler
  readonly request: Request
}

export interface Serving {
  /** Of the payment: `reference` is its hash. */
  readonly receipt: Omit<LightningReceipt, 'timestampMs'>
  /** How long a delivery that is not covered waits for money; 0 where no more can come. */
  readonly graceMs: number
  /** Told once the request is over, whether it was charged or not. */
  readonly onEnd?: () => void
  /** Told before a success leaves. */
  readonly onSold?: () => void
  /** Puts another body in its place. */
  readonly wrap?: (response: Response, delivery: Delivery) => Response
}

/**
 * Serves what a payment bought, through the same meter and gate as everything that is sold.
 * @throws StreamError `payment-insufficient` if what is left does not cover the first step
 */
export async function serve({ host, handler, request }: Use, account: Account, serving: Serving): Promise<Response> {
  const { graceMs, receipt, onEnd, onSold, wrap } = serving
  const delivery = host.deliver(request, account, graceMs, onEnd)
  try {
    // Nothing is held before it begins: who is short is told at once what to pay.
    if (!delivery.tryBegin()) await delivery.begin(0).catch(asSpent)
    const answered = await delivery.work(Promise.resolve(handler(delivery.request, delivery)))
    if (!answered.ok) return delivery.sell(answered)
    onSold?.()
    const sold = delivery.sell(answered)
    return withReceipt(wrap ? wrap(sold, delivery) : sold, receiptOf(account, receipt))
  } catch (error) {
    delivery.void()
    throw error
  }
}

function asSpent(error: unknown): never {
  if (!(error instanceof StreamError) || error.code !== 'grace-exceeded') throw error
  throw new StreamError('payment-insufficient', 'what was paid for is used up', error.details)
}

const receipts = new WeakMap<
  Account,
  { readonly challengeId: string | undefined; readonly untilMs: number; readonly text: string }
>()

/** The receipt of a busy token is made once a second: its time is in seconds to whoever reads it. */
function receiptOf(account: Account, receipt: Serving['receipt']): string {
  const nowMs = Date.now()
  const known = receipts.get(account)
  if (known && nowMs < known.untilMs && known.challengeId === receipt.challengeId) return known.text
  const text = encodeLightningReceipt({ ...receipt, timestampMs: nowMs })
  receipts.set(account, { challengeId: receipt.challengeId, untilMs: nowMs + 1000, text })
  return text
}

/** An agreement of this scope is good here whatever is asked now: it keeps its price. @throws StreamError `agreement-elsewhere` */
export function checkPlace(host: Host, { agreement }: Account): void {
  if (agreement.scope !== host.scope()) {
    throw new StreamError('agreement-elsewhere', `this payment is for ${agreement.scope}`)
  }
}
