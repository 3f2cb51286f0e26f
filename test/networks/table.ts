import { getChainTransactions, getPayments, getPendingPayments } from 'lightning'
import { ask } from '../../src/nodectl/admin.ts'
import { type Attempt, type Row, tryOut } from './attempt.ts'
import { addresses } from './rows/addresses.ts'
import { backends, lightClients } from './rows/backends.ts'
import { headers } from './rows/headers.ts'
import { invoices } from './rows/invoices.ts'
import { managed } from './rows/managed.ts'
import { nodes } from './rows/nodes.ts'
import { offers } from './rows/offers.ts'
import { peers } from './rows/peers.ts'
import type { World } from './world.ts'

export interface Table {
  readonly rows: readonly Row[]
  /** What left the nodes meanwhile, by their own records: settled and pending payments, and coins sent. In msat. */
  readonly paid: bigint
}

/** An LND that starts is busy with its wallet for seconds. */
const AT_ONCE = 3

/** Tries every mixture of networks. @param onRow told of each as soon as it was tried */
export async function mixNetworks(world: World, onRow: (row: Row) => void = () => {}): Promise<Table> {
  const before = await spent(world)
  const sale = await offers(world)
  try {
    const attempts: Attempt[] = [
      ...(await invoices(world)),
      ...(await addresses(world)),
      ...nodes(world),
      ...(await managed(world)),
      ...sale.attempts,
      ...peers(world),
      ...backends(world),
      ...lightClients(world),
      ...headers(world),
    ]
    const rows: Row[] = []
    const next = attempts.values()
    const worker = async (): Promise<void> => {
      for (const attempt of next) {
        const row = await tryOut(attempt)
        rows.push(row)
        onRow(row)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return { rows, paid: (await spent(world)) - before }
  } finally {
    await sale.end()
  }
}

/** All that the nodes have sent, ever. */
async function spent({ members }: World): Promise<bigint> {
  const sums = await Promise.all(
    members.map(async ({ admin: { lnd } }) => {
      const [settled, pending] = await Promise.all([
        ask('listing payments', getPayments({ lnd, limit: 1000 })),
        ask('listing payments', getPendingPayments({ lnd, limit: 1000 })),
      ])
      const sent = [...settled.payments, ...pending.payments].map(({ mtokens }) => BigInt(mtokens))
      const { transactions } = await ask('listing transactions', getChainTransactions({ lnd }))
      const coins = transactions.filter(({ is_outgoing }) => is_outgoing).map(({ tokens }) => BigInt(tokens) * 1000n)
      return [...sent, ...coins].reduce((sum, amount) => sum + amount, 0n)
    }),
  )
  return sums.reduce((sum, amount) => sum + amount, 0n)
}
