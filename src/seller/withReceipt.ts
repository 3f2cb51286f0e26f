import { NO_COST } from '../wire/receipt.ts'
import { withHeaders } from './adapters/withHeaders.ts'

/** An answer that was paid for, with its receipt. */
export const withReceipt = (response: Response, text: string): Response =>
  withHeaders(response, (headers) => {
    headers.set('payment-receipt', text)
    headers.set('cache-control', 'private')
    // A handler's own word would have the buyer not count what is charged.
    headers.delete(NO_COST[0])
  })
