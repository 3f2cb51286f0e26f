import { StreamError } from '../errors/error.ts'

/** An invoice that is not what was agreed on, or what stands beside it. */
export const invoiceMismatch = (
  { paymentHash }: { readonly paymentHash: string },
  property: string,
  got: string,
  wanted: string,
): StreamError =>
  new StreamError('invoice-mismatch', `the invoice's ${property} is ${got}, not ${wanted}`, {
    property,
    paymentHash,
    got,
    wanted,
  })
