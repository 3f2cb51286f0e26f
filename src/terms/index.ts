/** Terms: what is offered, bid and agreed, and who comes how far to meet whom. Pure. */
export * from './answer.ts'
export * from './choose.ts'
export * from './credit.ts'
export * from './negotiate.ts'
export * from './policy.ts'
export * from './reserve.ts'
export * from './strategy.ts'
export type { Agreement, Credit, Offer, Terms } from './terms.ts'
