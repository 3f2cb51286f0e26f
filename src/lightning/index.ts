/** Lightning nodes behind one interface. The libraries that a backend needs are loaded only when it is used. */
export { createEmbeddedNode, type EmbeddedNode, type EmbeddedOptions } from './embedded/index.ts'
export { createLndNode, type LndOptions, parseLndSpec } from './lnd/index.ts'
export type {
  Invoice,
  InvoiceRecord,
  InvoiceRequest,
  LightningNode,
  Network,
  NodeAbilities,
  NodeIdentity,
  NodeInfo,
  OutgoingKeysend,
  OutgoingPayment,
  PaymentFailure,
  PaymentOutcome,
  Settlement,
} from './node.ts'
export { createNwcNode, type NwcOptions, parseNwcSpec } from './nwc/index.ts'
export type { PayLimits, PreparedPayment } from './verbs/prepare.ts'
export {
  createInvoice,
  type InvoiceOptions,
  keysend,
  type PayOptions,
  payInvoice,
  readInvoice,
} from './verbs/verbs.ts'
