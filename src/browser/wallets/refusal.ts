import type { PaymentFailure, PaymentOutcome } from '../../lightning/node.ts'

/** What wallets say when nothing was sent, and never will be. Anything else leaves it open whether it was paid. */
const REFUSALS: ReadonlyArray<readonly [RegExp, PaymentFailure]> = [
  [/insufficient|not enough|balance|quota/i, 'balance-insufficient'],
  [/no.?route|unable to find a path|route not found/i, 'no-route'],
  [/expired/i, 'invoice-invalid'],
  [/reject|denied|cancel|prompt was closed|not enabled|unauthori[sz]ed|restricted|payment.?failed/i, 'payment-failed'],
]
const MAX_DETAIL = 200

/** How a wallet's refusal is to be understood: as a failure where its words are clear, else as an unknown outcome. */
export function refusalOf(error: unknown): PaymentOutcome {
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    message?: unknown
  }
  const text = `${typeof code === 'string' ? code : ''} ${typeof message === 'string' ? message : String(error)}`.trim()
  const detail = text.slice(0, MAX_DETAIL)
  const known = REFUSALS.find(([pattern]) => pattern.test(text))
  return known ? { status: 'failed', reason: known[1], detail } : { status: 'unknown', detail }
}
