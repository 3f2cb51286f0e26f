/** Lightning nodes behind one interface. The libraries that a backend needs are loaded only when it is used. */
export { createEmbeddedNode, type EmbeddedNode, type EmbeddedOptions } from './embedded/index.ts'
export { createLndNode, type LndOptions, parseLndSpec } from './lnd/index.ts'
export type {
  Invoice,
  InvoiceRequest,
  LightningNode,
  Network,
  NodeInfo,
  OutgoingPayment,
  PaymentFailure,
  PaymentOutcome,
  Settlement,
} from './node.ts'
