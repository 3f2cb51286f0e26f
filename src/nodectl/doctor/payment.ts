import { createLndNode, type LndOptions, type LndRole } from '../../lightning/lnd/index.ts'
import type { PaymentOutcome } from '../../lightning/node.ts'
import { formatMsat, sat } from '../../money/msat.ts'
import type { Channel } from './channels.ts'
import { type Judgement, ok, problem } from './finding.ts'

const AMOUNT = sat(1)
/** The most that the way may cost: a test must not be dear. */
const MAX_FEE = sat(10)
export const PAYMENT_MS = 20_000

/** Another node at hand, of the same network. */
export interface Other {
  readonly name: string
  readonly publicKey: string
  optionsFor(role: LndRole): LndOptions
}

/** Which payment would show that this node works. */
export type Plan =
  | { readonly kind: 'send' | 'receive'; readonly other: Other }
  | { readonly kind: 'none'; readonly reason: string }

/**
 * To another node at hand, the one at the end of a channel first; a seller is paid by it. Not in a circle to itself: LND, left to
 * itself, comes back the way it went, and peers refuse that.
 */
export function planPayment(channels: readonly Channel[], others: readonly Other[], role: LndRole | undefined): Plan {
  const sends = channels.filter(({ canSend }) => canSend > AMOUNT)
  const receives = channels.filter(({ canReceive }) => canReceive > AMOUNT)
  const kind = role === 'seller' || sends.length === 0 ? 'receive' : 'send'
  const ready = kind === 'send' ? sends : receives
  if (ready.length === 0) return { kind: 'none', reason: 'no channel can carry 1 sat' }
  const peers = new Set(ready.map(({ peer }) => peer))
  const other = others.find(({ publicKey }) => peers.has(publicKey)) ?? others[0]
  if (other) return { kind, other }
  return { kind: 'none', reason: 'no other node is at hand that could be paid' }
}

export interface TestPayment {
  readonly way: string
  readonly outcome: PaymentOutcome
}

/** @throws StreamError one of the `node-…` codes, before anything was sent */
export async function payOther(
  plan: Extract<Plan, { other: Other }>,
  own: (role: LndRole) => LndOptions,
): Promise<TestPayment> {
  const { kind, other } = plan
  const [payer, payee] =
    kind === 'send' ? [own('buyer'), other.optionsFor('seller')] : [other.optionsFor('buyer'), own('seller')]
  const from = await createLndNode(payer)
  const to = await createLndNode(payee).catch(async (error) => {
    await from.close()
    throw error
  })
  try {
    const [invoice] = await to.createInvoices([
      { amount: AMOUNT, description: 'streampay doctor', expiresInSeconds: 60 },
    ])
    const outcome = await from.pay({ request: invoice!.request, maxFee: MAX_FEE, timeoutMs: PAYMENT_MS / 2 })
    return { way: `${kind === 'send' ? 'to' : 'from'} ${other.name}`, outcome }
  } finally {
    await Promise.all([from.close(), to.close()])
  }
}

export function judgePayment({ way, outcome }: TestPayment): Judgement {
  const what = `${formatMsat(AMOUNT)} ${way}`
  switch (outcome.status) {
    case 'settled':
      return ok(`${what} arrived, for a fee of ${formatMsat(outcome.fee)}`)
    case 'failed':
      return problem(
        outcome.reason,
        `${what} did not arrive: ${outcome.detail}`,
        'Nothing left the wallet. See what was found above.',
      )
    default:
      return problem(
        'payment-unknown',
        `${what} has no known outcome yet${outcome.status === 'unknown' ? ` (${outcome.detail})` : ''}`,
        'It counts as spent until the node says otherwise; look again in some minutes.',
      )
  }
}
