/**
 * The heavier half of a purse, one chunk of its own with all that it needs: a page that nobody pays on never loads it. What is loaded together is
 * one file, since each file is compressed by itself.
 */
export { createBuyer } from '../buyer/buyer.ts'
export { streamChallenge } from '../buyer/trade/control.ts'
export { decodeOffer } from '../wire/offer.ts'
export { askConsent } from './ui/consent.ts'
export { openWebLn } from './wallets/webln.ts'
