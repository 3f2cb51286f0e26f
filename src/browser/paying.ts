/** The heavier half of a purse, a chunk of its own: a page that nobody pays on never loads it. */
export { createBuyer } from '../buyer/buyer.ts'
export { streamChallenge } from '../buyer/trade/control.ts'
export { decodeOffer } from '../wire/offer.ts'
