import { StreamError } from '../../errors/error.ts'
import type { PaymentFailure } from '../node.ts'

/** The wallet said no, in one of NIP-47's codes. */
export class WalletRefusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** No answer came. `sent` unless it is certain that the wallet never saw what was asked. */
export class NoAnswer extends Error {
  readonly sent: boolean

  constructor(message: string, sent: boolean) {
    super(message)
    this.sent = sent
  }
}

/** Somebody else's words, for a message: short, on one line, without what could steer a terminal. */
export const brief = (text: string): string =>
  text
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 200)

const DENIED: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'does not know this connection any more: make a new one in the wallet',
  RESTRICTED: 'does not allow this connection to do that: allow it in the wallet',
  NOT_IMPLEMENTED: 'cannot do that',
  UNSUPPORTED_ENCRYPTION: 'takes another encryption',
}

/** What a failed request says about the wallet: one of the `node-…` codes. */
export function walletError(error: unknown, doing: string): StreamError {
  if (error instanceof StreamError) return error
  if (error instanceof NoAnswer) return new StreamError('node-unreachable', `${doing}: ${error.message}`)
  if (!(error instanceof WalletRefusal)) return new StreamError('internal', `${doing}: ${String(error)}`, {}, error)
  const { code, message } = error
  if (code === 'NOT_IMPLEMENTED') return new StreamError('node-unable', `${doing}: the wallet ${DENIED[code]}`)
  if (code in DENIED) return new StreamError('node-denied', `${doing}: the wallet ${DENIED[code]} (${code})`)
  return new StreamError('node-failed', `${doing}: the wallet says ${brief(code)}: ${brief(message)}`, {
    reason: brief(code),
  })
}

/** A code that says that nothing was sent, as the reason of a failed payment; `undefined` for one that leaves it open. */
export function failureOf({ code }: WalletRefusal): PaymentFailure | undefined {
  if (code === 'INSUFFICIENT_BALANCE' || code === 'QUOTA_EXCEEDED') return 'balance-insufficient'
  if (code === 'RATE_LIMITED') return 'payment-failed'
  return undefined
}

/** The reason in a wallet's own words, as far as they can be told apart: NIP-47 has one code for all failures on the way. */
export function reasonIn(message: string): PaymentFailure {
  if (/no.?route|route.?not.?found|unable to find a path/i.test(message)) return 'no-route'
  if (/insufficient|not enough/i.test(message)) return 'balance-insufficient'
  if (/fee/i.test(message) && /limit|exceed|too high|max/i.test(message)) return 'fee-too-high'
  if (/expired|invalid invoice|incorrect.payment.details/i.test(message)) return 'invoice-invalid'
  if (/time.?out|timed out/i.test(message)) return 'payment-timeout'
  return 'payment-failed'
}
