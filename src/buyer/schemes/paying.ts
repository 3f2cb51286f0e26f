import { StreamError, toStreamError } from '../../errors/error.ts'
import type { JournalPayment, NewAgreement } from '../../ledger/journal.ts'
import { limitsAt, strictest } from '../../ledger/limits.ts'
import type { PaymentOutcome } from '../../lightning/node.ts'
import { pause } from '../../lightning/pause.ts'
import { formatMsat, type Msat, minus, msat, ZERO } from '../../money/msat.ts'
import { isPreimageOf } from '../../wire/preimage.ts'
import { limitError } from '../payments/blocked.ts'
import { finalOutcome, followFor } from '../payments/outcome.ts'
import type { Wallet } from '../payments/payer.ts'

/** One invoice to be paid, and what for. */
export interface Prepaying {
  /** Under which the payment counts in the journal. */
  readonly agreementId: string
  readonly origin: string
  readonly paymentHash: string
  readonly request: string
  readonly amount: Msat
  /** What it buys, as the journal keeps it. */
  readonly bought: NewAgreement
  /** What is done while it is under way, as long as that may last. Nothing by default. */
  readonly meanwhile?: ((sent: Promise<unknown>) => void) | undefined
}

export interface Paid {
  readonly preimage: string
  readonly fee: Msat
}

/** A payment that settled a moment ago. */
export interface JustPaid extends Paid {
  /**
   * Resolves once the journal has it. What it bought need not wait for that: until then the journal has it as pending, and the next run asks the node.
   * @throws StreamError `ledger-failed`
   */
  readonly written: Promise<void>
}

const PAYMENT_TIMEOUT_MS = 30_000
/** How long an outcome that is not known is asked after while somebody waits. */
const FOLLOW_MS = 60_000

/**
 * Pays one invoice within the budget and the journal's limits: written before it is sent, with what it buys, and counted as spent until the node says that it
 * failed. `known` if this payment hash was paid or may yet be: then nothing is sent.
 * @throws StreamError `budget-exhausted`, one of the failures of a payment, `payment-unknown`, `node-…`, `ledger-failed`
 */
export async function prepay(wallet: Wallet, { amount, ...paying }: Prepaying): Promise<JustPaid | 'known'> {
  const { journal, budget, limits, node, feePerMille, payer, onNear } = wallet
  const maxFee = msat((amount * feePerMille) / 1000n)
  const taken = msat(amount + maxFee)
  const { request } = strictest(limitsAt(await journal.limits(), ''), limits)
  if (request !== undefined && taken > request) throw limitError({ limit: 'request', max: request, spent: ZERO })
  if (!budget.take(taken)) {
    throw new StreamError(
      'budget-exhausted',
      `the budget of ${formatMsat(budget.limit)} does not cover ${formatMsat(taken)}`,
      {
        max: `${budget.limit}`,
      },
    )
  }
  const { agreementId, origin, paymentHash, bought, meanwhile } = paying
  const payment = { paymentHash, request: paying.request, agreementId, origin, payer, amount, maxFee }
  // One that failed may be offered again and tried again; any other payment hash that was ever written is not sent.
  // Asked for in one turn, the two wait for the disk once.
  const [, writing] = await Promise.all([
    journal.addAgreement(bought),
    journal.repeatPayment({ ...payment, createdAtMs: Date.now(), receivedSteps: 0n }, limits),
  ]).catch((error) => {
    budget.giveBack(taken)
    throw error
  })
  if (!writing.written) {
    budget.giveBack(taken)
    if (writing.reason === 'known') return 'known'
    throw limitError(writing.use)
  }
  if (writing.near.length > 0) onNear(writing.near)
  const sent = node.pay({ request: paying.request, maxFee, timeoutMs: PAYMENT_TIMEOUT_MS })
  meanwhile?.(sent)
  let outcome: PaymentOutcome = await sent.catch((error) => ({
    status: 'unknown',
    detail: toStreamError(error).message,
  }))
  if (outcome.status === 'unknown' || outcome.status === 'pending') {
    await journal.endPayment(paymentHash, { status: 'unknown', fee: ZERO })
    outcome = await followFor(wallet.node, { paymentHash }, FOLLOW_MS)
  }
  if (outcome.status === 'settled') {
    budget.giveBack(minus(taken, amount + outcome.fee))
    budget.charge(minus(amount + outcome.fee, taken))
    const paid = { preimage: outcome.preimage, fee: outcome.fee }
    // A turn later: what it bought is asked for before the disk is waited for.
    const written = pause(0).then(() => settled(wallet, paymentHash, paid))
    // Whoever waits for it hears of it.
    written.catch(() => {})
    return { ...checked(paid, paymentHash), written }
  }
  if (outcome.status === 'failed') budget.giveBack(taken)
  return unpaid(wallet, paymentHash, outcome)
}

/**
 * How a payment of an earlier run ended, asked after at once, and for a while only where `wait` says so; `undefined` if it failed.
 * @throws StreamError `payment-unknown` while only the node that was asked to pay could tell, and does not; `node-failed` if it tells no preimage
 */
export async function endOf(wallet: Wallet, payment: JournalPayment, wait: boolean): Promise<Paid | undefined> {
  const { paymentHash, payer, status, preimage = '', fee } = payment
  if (status === 'settled') return checked({ preimage, fee }, paymentHash)
  if (status === 'failed') return undefined
  // Which other node was asked to pay, only that one knows.
  const isOurs = payer === '' || payer === wallet.payer
  const outcome = isOurs ? await finalOutcome(wallet.node, payment) : undefined
  const end =
    outcome ?? (wait && isOurs ? await followFor(wallet.node, payment, FOLLOW_MS) : ({ status: 'pending' } as const))
  if (end.status === 'settled') {
    const paid = { preimage: end.preimage, fee: end.fee }
    await settled(wallet, paymentHash, paid)
    return checked(paid, paymentHash)
  }
  if (end.status !== 'failed') return unpaid(wallet, paymentHash, end)
  await wallet.journal.endPayment(paymentHash, { status: 'failed', fee: ZERO })
  return undefined
}

const settled = ({ journal }: Wallet, paymentHash: string, paid: Paid): Promise<void> =>
  journal.endPayment(paymentHash, { status: 'settled', ...paid })

type NotSettled = Exclude<PaymentOutcome, { readonly status: 'settled' }>

/** A payment that bought nothing, or not yet. @throws StreamError why */
async function unpaid({ journal }: Wallet, paymentHash: string, outcome: NotSettled): Promise<never> {
  if (outcome.status === 'failed') {
    await journal.endPayment(paymentHash, { status: 'failed', fee: ZERO })
    throw new StreamError(outcome.reason, outcome.detail || 'the payment failed', { paymentHash })
  }
  throw new StreamError('payment-unknown', 'whether it was paid is not known yet; it is not paid again', {
    paymentHash,
  })
}

function checked(paid: Paid, paymentHash: string): Paid {
  if (/^[0-9a-f]{64}$/.test(paid.preimage) && isPreimageOf(paid.preimage, paymentHash)) return paid
  throw new StreamError('node-failed', 'the node paid, and does not tell the preimage, which is what was bought', {
    paymentHash,
  })
}
