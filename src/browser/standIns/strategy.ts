import type { BuyerStrategy, offerRefusal as judge, Move } from '../../terms/strategy.ts'

/*
 * Stands in for `src/terms/strategy.ts` in the browser's bundle. A page takes the offer that a person was shown and allowed, at any price, and
 * does not haggle: what is spent is bounded by the budget.
 */

const ACCEPT = { accept: true } as const

export const acceptUpTo = (): BuyerStrategy => () => ACCEPT
export const applyStrategy = (): Move => ACCEPT
export const haggler = () => (): Move => ACCEPT
export const offerRefusal = (): ReturnType<typeof judge> => undefined
