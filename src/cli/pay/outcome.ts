import { type ByHandResult, payByHand } from '../../buyer/payments/byHand.ts'
import type { LightningNode } from '../../lightning/node.ts'
import type { Paying, PreparedPayment } from '../../lightning/verbs/prepare.ts'
import { formatMsat } from '../../money/msat.ts'
import { confirmReal } from '../confirm.ts'
import { warnOf } from '../get/finish.ts'
import { interruptSignal, unlessAborted } from '../interrupt.ts'
import { openUserJournal } from '../journal.ts'
import { openNode } from '../node.ts'
import { dim, green } from '../output/colour.ts'
import { escaped } from '../output/escaped.ts'
import type { Output } from '../output/output.ts'

export interface SendOptions {
  readonly node: string
  readonly timeoutMs: number
  readonly yes: boolean | undefined
}

/**
 * Makes a payment by hand, from the opening of the node to the last word: what `pay` and `keysend` share.
 * @param prepare looks it over for the node that is to pay; what it throws is refused, with nothing written and nothing sent
 */
export async function send(
  prepare: (node: Paying) => PreparedPayment,
  { node: spec, timeoutMs, yes }: SendOptions,
  output: Output,
): Promise<number> {
  const signal = interruptSignal(() => output.say('stopping; `streampay recover` says what became of the payment'))
  const node = await unlessAborted(openNode(spec, 'buyer'), signal)
  try {
    return await unlessAborted(pay(node, prepare, timeoutMs, yes, output), signal)
  } finally {
    if (!signal.aborted) await node.close()
  }
}

async function pay(
  node: LightningNode,
  prepare: (node: Paying) => PreparedPayment,
  timeoutMs: number,
  yes: boolean | undefined,
  output: Output,
): Promise<number> {
  const payment = prepare(await node.info())
  const journal = openUserJournal()
  try {
    const result = await payByHand(payment, {
      node,
      journal,
      timeoutMs,
      onNear: (use) => warnOf(use, output),
      confirm: () => confirmReal(payment.network, deedOf(payment), yes, output),
      onSending() {
        output.event('paying', { ...recordOf(payment), maxFee: payment.maxFee })
        output.say(`paying ${formatMsat(payment.amount)} to ${payment.payee}${forWhat(payment)}`)
      },
    })
    tell(payment, result, output)
    return 0
  } finally {
    await journal.end()
  }
}

/** What is about to happen, in the words of a question. */
export const deedOf = ({ amount, maxFee, payee }: PreparedPayment): string =>
  `pay ${formatMsat(amount)}, and at most ${formatMsat(maxFee)} for routing, to ${payee}`

const forWhat = ({ description }: PreparedPayment): string => (description ? ` for "${escaped(description)}"` : '')

/** A payment under the names of its JSON. Never with what would let others settle it. */
const recordOf = ({ paymentHash, amount, payee, network, description }: PreparedPayment) => ({
  paymentHash,
  amount,
  payee,
  network,
  description,
})

function tell(payment: PreparedPayment, { preimage, fee, before }: ByHandResult, output: Output): void {
  output.event('payment', { ok: true, status: 'settled', ...recordOf(payment), fee, preimage, before })
  const fees = fee > 0n ? ` and ${formatMsat(fee)} for routing` : ''
  const what = before ? 'it was paid before, and nothing was sent now' : `paid ${formatMsat(payment.amount)}${fees}`
  output.say(`${green('done ')} ${what}`)
  output.print(`preimage ${preimage}`)
  output.say(dim(`      payment hash ${payment.paymentHash}`))
}
