import type { StreamError } from '../../errors/error.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'

/** An amount as a person reads it: whole satoshi, with the thousandth where that is all there is. */
export function inSat(amount: Msat): string {
  const tenths = (amount + 50n) / 100n
  const [whole, rest] = [tenths / 10n, tenths % 10n]
  return `${whole.toLocaleString()}${rest > 0n && whole < 100n ? `.${rest}` : ''} sat`
}

/** What went wrong, in words for who watches and not for who programs. */
const WORDS: Readonly<Record<string, string>> = {
  'budget-exhausted': 'The budget is used up. Raise it to go on.',
  'balance-insufficient': 'Your wallet has not enough to go on. What was used is paid.',
  'no-route': 'Your wallet finds no way to this seller just now. Trying again.',
  'fee-too-high': 'Your wallet finds no cheap way to this seller just now.',
  'payment-failed': 'Your wallet does not pay just now. It goes on when the wallet does.',
  'payment-timeout': 'The payment was not made in time.',
  'payment-unknown': 'Your wallet does not say what became of a payment. No more is paid until you go on.',
  'network-mismatch': 'Your wallet is on another Bitcoin network than the seller.',
  'count-mismatch': 'The seller counts more than arrived here. No more is paid until you go on.',
  'invoice-mismatch': 'The seller sent an invoice that is not what was agreed. Nothing was paid for it.',
  'invoice-invalid': 'The seller sent an invoice that is not valid. Nothing was paid for it.',
  'seller-unreachable': 'The seller does not answer. Nothing is paid meanwhile.',
  'stream-stalled': 'The seller was paid and sends nothing. No more is paid until you go on.',
  'node-unreachable': 'The wallet does not answer.',
  'price-too-high': 'The seller asks more than is allowed here.',
}

export const inWords = ({ code, message }: StreamError): string => WORDS[code] ?? message

/** Whole satoshi that somebody typed; zero for anything else. */
export function readSat(text: string): Msat {
  return /^\d{1,10}$/.test(text.trim()) ? msat(BigInt(text.trim()) * 1000n) : ZERO
}
