import type { Price } from './price.ts'
import { formatAsked, type Tariff } from './tariff.ts'

/**
 * What is asked, for people who know nothing of units: of a film "2 sat/second of playing" and not "2 sat/play-second".
 * @example askedInWords({ price: parsePrice('2 sat/play-second') })
 */
export const askedInWords = (asked: { readonly price: Price; readonly tariff?: Tariff | undefined }): string =>
  formatAsked(asked).replace(/play-(hour|min|second|ms)s?\b/g, '$1 of playing')
