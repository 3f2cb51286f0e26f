import type { LightningNode } from '../../src/lightning/node.ts'

/** What the attacker's node says was paid to it, by payment hash. */
export class Purse {
  readonly publicKey: string
  readonly #received = new Map<string, bigint>()

  constructor(node: LightningNode, publicKey: string) {
    this.publicKey = publicKey
    node.subscribeSettlements(
      0n,
      ({ paymentHash, amount }) => this.#received.set(paymentHash, amount),
      (error) => process.stderr.write(`${error.message}\n`),
    )
  }

  /** The sum that was paid to these invoices. */
  received(paymentHashes: Iterable<string>): bigint {
    let total = 0n
    for (const hash of paymentHashes) total += this.#received.get(hash) ?? 0n
    return total
  }

  has(paymentHash: string): boolean {
    return this.#received.has(paymentHash)
  }
}
