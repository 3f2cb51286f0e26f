import { StreamError } from '../../errors/error.ts'
import { formatMsat, type Msat } from '../../money/msat.ts'
import type { Challenge } from '../../wire/challenge.ts'
import { decodeLightningReceipt } from '../../wire/mpp/receipt.ts'
import { faultText, receiptFault } from '../received/receiptFault.ts'
import type { Token } from './token.ts'

/** The receipts for one token, held against what was paid. The first that cannot be is told; it undoes nothing that came. */
export class Receipts {
  readonly #token: Token
  readonly #note: (fault: string) => Promise<void>
  #fault: StreamError | undefined

  /** @param note writes a fault down */
  constructor(token: Token, note: (fault: string) => Promise<void>) {
    this.#token = token
    this.#note = note
  }

  get fault(): StreamError | undefined {
    return this.#fault
  }

  /** @param receipt a header's value, or what an event holds. L402 has none that a document knows */
  hold(receipt: string | object): void {
    const { scheme, paymentHash, challenge } = this.#token
    if (scheme === 'l402' || this.#fault) return
    // Further deposits of a session, and its close, have challenges of their own.
    const { id: challengeId } = challenge as Challenge
    const paid = { reference: paymentHash, ...(scheme === 'charge' && { challengeId }) }
    this.#found(receiptFault(() => decodeLightningReceipt(receipt), paid))
  }

  /**
   * The receipt at the end of a session's stream says what that cost, too.
   * @param mostSpent what all that came can have cost
   */
  holdLast(data: string, mostSpent: Msat): void {
    const receipt = parsed(data)
    this.hold(receipt)
    if (this.#fault) return
    const { used } = decodeLightningReceipt(receipt)
    if (used === undefined || used.spentSats * 1000n <= mostSpent) return
    const text = `the receipt says that ${used.spentSats} sat were spent, and what came can have cost ${formatMsat(mostSpent)} at most`
    this.#found(
      new StreamError('receipt-mismatch', text, { stated: `${used.spentSats * 1000n}`, expected: `${mostSpent}` }),
    )
  }

  #found(fault: StreamError | undefined): void {
    if (!fault) return
    this.#fault = fault
    this.#note(faultText(fault)).catch(() => {})
  }
}

function parsed(data: string): object {
  try {
    return Object(JSON.parse(data))
  } catch {
    return {}
  }
}
