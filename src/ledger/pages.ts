import type { JournalPayment } from './journal.ts'

/** Payments are told in the order in which they were written, and those of one instant in that of their hashes. */
export function inOrder(a: Place, b: Place): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs - b.createdAtMs
  return a.paymentHash < b.paymentHash ? -1 : a.paymentHash > b.paymentHash ? 1 : 0
}

type Place = Pick<JournalPayment, 'createdAtMs' | 'paymentHash'>

/** The last so many, or all. */
export const lastOf = <T>(sorted: readonly T[], count: number | undefined): T[] =>
  sorted.slice(count === undefined ? 0 : Math.max(0, sorted.length - count))
