import { StreamError, toStreamError } from '../../errors/error.ts'
import type { JournalPayment, NewAgreement } from '../../ledger/journal.ts'
import { limitsAt, strictest } from '../../ledger/limits.ts'
import type { PaymentOutcome } from '../../lightning/node.ts'
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
}

export interface Paid {
  readonly preimage: string
  readonly fee: Msat
}

const PAYMENT_TIMEOUT_MS = 30_000
/** How long an outcome that is not known is asked after while somebody waits. */
const FOLLOW_MS = 60_000

/**
 * Pays one invoice within the budget and the journal's limits: written before it is sent, with what it buys, and counted as spent until the node says that it
 * failed. `known` if this payment hash was paid or may yet be: then nothing is sent.
 * @throws StreamError `budget-exhausted`, one of the failures of a payment, `payment-unknown`, `node-…`, `ledger-failed`
 */
export async function prepay(wallet: Wallet, { amount, ...paying }: Prepaying): Promise<Paid | 'known'> {
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
  const { agreementId, origin, paymentHash, bought } = paying
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
  let outcome: PaymentOutcome = await node
    .pay({ request: paying.request, maxFee, timeoutMs: PAYMENT_TIMEOUT_MS })
    .catch((error) => ({ status: 'unknown', detail: toStreamError(error).message }))
  if (outcome.status === 'unknown' || outcome.status === 'pending') {
    await journal.endPayment(paymentHash, { status: 'unknown', fee: ZERO })
    outcome = await followFor(wallet.node, { paymentHash }, FOLLOW_MS)
  }
  if (outcome.status === 'settled') {
    budget.giveBack(minus(taken, amount + outcome.fee))
    budget.charge(minus(amount + outcome.fee, taken))
  } else if (outcome.status === 'failed') budget.giveBack(taken)
  return conclude(wallet, paymentHash, outcome)
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
  if (end.status !== 'failed') return conclude(wallet, paymentHash, end)
  await wallet.journal.endPayment(paymentHash, { status: 'failed', fee: ZERO })
  return undefined
}

async function conclude({ journal }: Wallet, paymentHash: string, outcome: PaymentOutcome): Promise<Paid> {
  if (outcome.status === 'settled') {
    const { preimage, fee } = outcome
    await journal.endPayment(paymentHash, { status: 'settled', fee, preimage })
    return checked({ preimage, fee }, paymentHash)
  }
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
