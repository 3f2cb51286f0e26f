/**
 * Stream: pay by use. Money flows while the data flows.
 *
 * `streampay/seller` sells, `streampay/buyer` buys, `streampay/lightning` holds the nodes, `streampay/wire` reads and writes
 * the protocol. Here are the words they share.
 */
export { CODES, type ErrorCode, EXIT, type ExitName } from './errors/codes.ts'
export { StreamError, type StreamErrorJson } from './errors/error.ts'
export { formatMsat, MAX_MSAT, type Msat, msat, parseMsat, sat } from './money/msat.ts'
export {
  comparePrices,
  costDown,
  costUp,
  formatPrice,
  type Price,
  parsePrice,
  price,
  type Unit,
} from './money/price.ts'
export {
  formatAsked,
  formatTariff,
  type PriceSpec,
  readPriceSpec,
  type Tariff,
  type TariffText,
  tariffCost,
} from './money/tariff.ts'
export * from './terms/index.ts'
