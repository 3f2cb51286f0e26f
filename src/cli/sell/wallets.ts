import { join } from 'node:path'
import type { RecipientNode } from '../../gateway/split/split.ts'
import { type Ledger, openLedger } from '../../ledger/index.ts'
import type { LightningNode, NodeInfo } from '../../lightning/node.ts'
import type { EarlierSecret } from '../../seller/keyring.ts'
import { openNode } from '../node.ts'
import { earlierSecrets, keptSecret, stateFolder, stateHome } from '../state.ts'

/** A node that is paid, with its ledger and secret. */
interface Wallet {
  readonly node: LightningNode
  readonly info: NodeInfo
  readonly ledger: Ledger
  readonly secret: Uint8Array
  readonly earlierSecrets: readonly EarlierSecret[]
  /** Where its state is kept. */
  readonly folder: string
  /** The book of what recipients of splits have earned. */
  readonly payouts: string
}

/** The nodes that a gateway's routes are paid to, each opened when it is first asked for. */
export class Wallets {
  readonly #own: string
  readonly #port: number
  readonly #opened = new Map<string, Promise<Wallet>>()

  /** @param own the node of routes that name none */
  constructor(own: string, port: number) {
    this.#own = own
    this.#port = port
  }

  /** @throws StreamError `node-…`, `ledger-failed` */
  open(spec = this.#own): Promise<Wallet> {
    const known = this.#opened.get(spec)
    if (known) return known
    const opening = openWallet(spec, this.#port)
    this.#opened.set(spec, opening)
    opening.catch(() => this.#opened.delete(spec))
    return opening
  }

  /** The node of a recipient of a split: one that is paid for a route already, or another. Closed by whoever asked for it. */
  async recipient(spec: string): Promise<RecipientNode> {
    // Of embedded nodes each that is named is one of its own.
    const known = spec === 'embedded' ? undefined : await this.#opened.get(spec)
    if (!known) return openNode(spec, 'seller')
    return { createInvoices: (requests) => known.node.createInvoices(requests), close: async () => {} }
  }

  async close(): Promise<void> {
    for (const wallet of await Promise.allSettled(this.#opened.values())) {
      if (wallet.status !== 'fulfilled') continue
      await wallet.value.ledger.end()
      await wallet.value.node.close()
    }
  }
}

async function openWallet(spec: string, port: number): Promise<Wallet> {
  const node = await openNode(spec, 'seller')
  try {
    const info = await node.info()
    // One ledger for each node and port: settlements are numbered by the node, and two processes must not share an account.
    const folder = stateFolder(stateHome(), 'seller', `${info.network}-${info.publicKey.slice(0, 16)}-${port}`)
    const earlier = earlierSecrets(folder)
    const secret = keptSecret(join(folder, 'secret'))
    return {
      node,
      info,
      ledger: openLedger(join(folder, 'ledger.db')),
      secret,
      earlierSecrets: earlier,
      folder,
      payouts: join(folder, 'payouts.db'),
    }
  } catch (error) {
    await node.close()
    throw error
  }
}
