/** What paying by hand takes, a chunk of its own: whoever has a wallet in the page never loads it. */
export { showInvoice } from './ui/invoice.ts'
export { handNode, prepay } from './wallets/prepaid.ts'
