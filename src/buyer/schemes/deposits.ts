import { StreamError } from '../../errors/error.ts'
import type { JournalPayment } from '../../ledger/journal.ts'
import { type SessionPlace, sessionAction } from './session.ts'
import { type Token, tokenOf } from './token.ts'

/** Before an action is sent again whose answer did not come, or which came before the seller's node had told of the payment. In ms. */
export const SETTLING_PAUSES_MS = [200, 600, 1800]

/**
 * Tells the seller of a further deposit that was paid, again where no answer came: it is counted once.
 * @throws StreamError of the seller, `seller-unreachable`, `ledger-failed`
 */
export async function tellDeposit(place: SessionPlace, deposit: Token, preimage: string): Promise<void> {
  const payload = { action: 'topUp', sessionId: deposit.sessionId, topUpPreimage: preimage } as const
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await sessionAction(place, deposit, payload)
      await answer.body?.cancel().catch(() => {})
      return await place.journal.closeAgreement(deposit.id, undefined)
    } catch (error) {
      const pauseMs = SETTLING_PAUSES_MS[attempt]
      const isOver = error instanceof StreamError && ['session-closed', 'session-unknown'].includes(error.code)
      if (pauseMs === undefined || isOver) throw error
      await new Promise((done) => setTimeout(done, pauseMs))
    }
  }
}

/**
 * Tells the seller of the deposits that an earlier run paid and did not come to tell. Those that bought nothing are closed.
 * @param preimageOf of a payment that settled, as far as that can be known now; `undefined` where it did not
 * @returns what kept others from being told: they stay in the journal
 */
export async function tellDeposits(
  place: SessionPlace,
  session: Pick<Token, 'paymentHash'>,
  preimageOf: (payment: JournalPayment) => Promise<string | undefined>,
): Promise<readonly unknown[]> {
  const { journal } = place
  const errors: unknown[] = []
  for (const entry of await journal.agreements('open')) {
    const deposit = tokenOf(entry)
    if (deposit?.sessionId !== session.paymentHash || !(await journal.holdAgreement(deposit.id))) continue
    try {
      const payment = await journal.getPayment(deposit.paymentHash)
      const preimage = payment && (await preimageOf(payment))
      if (preimage === undefined) await journal.closeAgreement(deposit.id, undefined)
      else await tellDeposit(place, deposit, preimage)
    } catch (error) {
      // What was told by a run that did not come to note it, a seller may call used.
      if (error instanceof StreamError && error.code === 'challenge-invalid') {
        await journal.closeAgreement(deposit.id, undefined)
      } else errors.push(error)
    } finally {
      await journal.releaseAgreement(deposit.id)
    }
  }
  return errors
}
