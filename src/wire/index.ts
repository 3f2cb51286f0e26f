/** The wire: everything that Stream reads and writes, as pure functions. Runs in browsers. The prose is `spec/stream.md`. */
export {
  type AgreementJson,
  type DecodedAgreement,
  decodeAgreement,
  decodeInvoiceList,
  differingTerms,
  encodeAgreement,
  type PublicAgreementJson,
  sameTerms,
} from './agreement.ts'
export * from './bolt11.ts'
export * from './challenge.ts'
export * from './challenges.ts'
export * from './credential.ts'
export { bodyDigest, isDigestOf } from './digest.ts'
export { decodeBase64url, decodeJson, encodeBase64url, encodeJson, jcs, MAX_ENCODED } from './encoding.ts'
export { encodeMessage, grpcRefusal, grpcStatusOf, isGrpc, readGrpcRefusal } from './grpc.ts'
export * from './header.ts'
export { type Feature, type InvoiceDetails, invoiceDetails, type RouteHop } from './invoiceDetails.ts'
export { findInvoiceText } from './invoiceText.ts'
export * from './l402/index.ts'
export { verifyMessage } from './message.ts'
export * from './mpp/index.ts'
export { decodeOffer, encodeOffer, type OfferJson } from './offer.ts'
export * from './payload.ts'
export * from './problem.ts'
export * from './proof.ts'
export * from './receipt.ts'
export * from './statement.ts'
export type { TariffJson } from './tariff.ts'
export type { CreditJson, TermsJson } from './terms.ts'
export { formatTime, parseTime } from './time.ts'
