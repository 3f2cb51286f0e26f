/** What a wallet in the browser offers (webln.guide), as far as it is used. */
export interface WebLn {
  enable(): Promise<unknown>
  getInfo(): Promise<{ readonly node?: { readonly alias?: string; readonly pubkey?: string } }>
  sendPayment(invoice: string): Promise<{ readonly preimage: string }>
  makeInvoice?(request: {
    readonly amount: number
    readonly defaultMemo: string
  }): Promise<{ readonly paymentRequest: string }>
}

/** The wallet of this page, if it has one. */
export const findWebLn = (): WebLn | undefined => (globalThis as { webln?: WebLn }).webln
