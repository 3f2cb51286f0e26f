import { StreamError, toStreamError } from '../../errors/error.ts'

/** What a receipt says of a payment. */
interface Said {
  readonly method?: string
  readonly reference: string
  readonly challengeId?: string
}

const MAX_SHOWN = 80

/**
 * What is wrong with a receipt, held against what was paid: `receipt-mismatch`, or nothing. What came is not undone by it, so it is for the book and
 * for people, and ends nothing.
 * @param read throws for what cannot be read, or says something else than success
 */
export function receiptFault(read: () => Said, paid: Omit<Said, 'method'>): StreamError | undefined {
  const fault = (detail: string, stated = '', expected = '') =>
    new StreamError('receipt-mismatch', detail, { stated: stated.slice(0, MAX_SHOWN), expected })
  let said: Said
  try {
    said = read()
  } catch (error) {
    return fault(`the seller's receipt is none: ${toStreamError(error).message}`)
  }
  const { method = 'lightning', reference, challengeId } = said
  if (method !== 'lightning') return fault('the receipt is of another way to pay', method, 'lightning')
  if (reference !== paid.reference) return fault('the receipt is for another payment', reference, paid.reference)
  if (challengeId !== undefined && paid.challengeId !== undefined && challengeId !== paid.challengeId) {
    return fault('the receipt is for another challenge', challengeId, paid.challengeId)
  }
  return undefined
}

/** A fault as a journal keeps it. */
export const faultText = ({ code, message }: StreamError): string => `${code}: ${message}`
