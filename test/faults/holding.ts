import { createHash, randomBytes } from 'node:crypto'
import {
  type AuthenticatedLnd,
  cancelHodlInvoice,
  createHodlInvoice,
  settleHodlInvoice,
  subscribeToInvoice,
} from 'lightning'
import type { Invoice, LightningNode } from '../../src/lightning/node.ts'
import { overriding } from './shop.ts'

export interface HoldingNode {
  readonly node: LightningNode
  /** Payments that arrived and neither settled nor came back, in msat by payment hash. */
  readonly held: ReadonlyMap<string, bigint>
  /** From now on what arrives stays on its way. */
  hold(): void
  /** What is held settles, and what arrives from now on. */
  settle(): Promise<void>
  /** What is held goes back to who paid; what arrives from now on settles. */
  giveBack(): Promise<void>
  end(): void
}

/** A seller's LND whose invoices are hold invoices: a payment settles when the test says so. All else is the node's own. */
export function holdingNode(own: LightningNode, lnd: AuthenticatedLnd): HoldingNode {
  const secrets = new Map<string, Buffer>()
  const held = new Map<string, bigint>()
  const subscriptions = new Set<{ removeAllListeners(): unknown }>()
  /** What is given back may be told of once more while it goes: it must not be settled then. */
  const givenBack = new Set<string>()
  let holds = false
  const settleOne = async (id: string): Promise<void> => {
    held.delete(id)
    await settleHodlInvoice({ lnd, secret: secrets.get(id)!.toString('hex') })
  }
  const create = async (amount: bigint, description: string, expiresInSeconds: number): Promise<Invoice> => {
    const secret = randomBytes(32)
    const id = createHash('sha256').update(secret).digest('hex')
    secrets.set(id, secret)
    const expires = new Date(Date.now() + expiresInSeconds * 1000).toISOString()
    const { request } = await createHodlInvoice({ lnd, id, mtokens: `${amount}`, description, expires_at: expires })
    const subscription = subscribeToInvoice({ lnd, id })
    subscriptions.add(subscription)
    subscription.on('error', () => {})
    subscription.on('invoice_updated', ({ is_held }: { readonly is_held?: boolean }) => {
      if (!is_held || held.has(id) || givenBack.has(id)) return
      held.set(id, amount)
      if (!holds) settleOne(id).catch(() => {})
    })
    return { request, paymentHash: id }
  }
  const node = overriding(own, {
    createInvoices: (requests) =>
      Promise.all(
        requests.map((one) => create(one.amount === 'any' ? 0n : one.amount, one.description, one.expiresInSeconds)),
      ),
  })
  return {
    node,
    held,
    hold: () => {
      holds = true
    },
    async settle() {
      holds = false
      await Promise.all([...held.keys()].map(settleOne))
    },
    async giveBack() {
      holds = false
      const ids = [...held.keys()]
      held.clear()
      for (const id of ids) givenBack.add(id)
      await Promise.all(ids.map((id) => cancelHodlInvoice({ lnd, id })))
    },
    end() {
      for (const subscription of subscriptions) subscription.removeAllListeners()
    },
  }
}
