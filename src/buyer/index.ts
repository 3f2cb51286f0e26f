export { StreamError } from '../errors/error.ts'
export { acceptUpTo, type BuyerStrategy, bidFromTo } from '../terms/strategy.ts'
export { type Buyer, type BuyerOptions, createBuyer } from './buyer.ts'
export type { Closing, TradeSummary } from './trade.ts'
