export { StreamError } from '../errors/error.ts'
export { type Ledger, openLedger } from '../ledger/index.ts'
export type { ReturnRecord } from '../ledger/ledger.ts'
export { fixed, type SellerPolicy, type VolumeDiscount, volume } from '../terms/policy.ts'
export {
  always,
  type Bargain,
  bargain,
  byHours,
  byLoad,
  byVolume,
  comeDownTo,
  floor,
  highestOf,
  lowestOf,
  type Reserve,
  type ReserveRule,
  readReserve,
} from '../terms/reserve.ts'
export { SCHEME_NAMES, type SchemeName } from '../wire/challenges.ts'
export type { Account } from './account.ts'
export { toExpress } from './adapters/express.ts'
export { type FastifyLike, toFastify } from './adapters/fastify.ts'
export { toFetch } from './adapters/fetch.ts'
export { type HonoLike, toHono } from './adapters/hono.ts'
export { type RunningServer, type ServeOptions, serve, toNodeListener, type WebHandler } from './adapters/node.ts'
export { standardRequest } from './adapters/request.ts'
export { knownResponse } from './adapters/response.ts'
export type { Rate } from './buckets.ts'
export type { Delivery } from './delivery.ts'
export type { EarlierSecret } from './keyring.ts'
export type { SellerLimits } from './limits.ts'
export type { Meter } from './meter.ts'
export {
  type Handler,
  type NewTerms,
  type PaidHandler,
  PricedRoute,
  paywall,
  type Wall,
  type WallOptions,
  wall,
} from './paywall.ts'
export { type Debts, Seller, type SellerEvent, type SellerOptions } from './seller.ts'
export { serveFile, serveFolder } from './sources/folder.ts'
export { proxyTo } from './sources/upstream.ts'
