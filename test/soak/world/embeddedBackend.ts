import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Backend, NodeRecord } from './backend.ts'
import { until } from './clock.ts'

const STILL_MS = 60_000

/** Embedded nodes, each in the process of its seller or buyer, on one private chain. */
export function embeddedBackend(folder: string, buyers: number): Backend {
  const names = Array.from({ length: buyers }, (_, i) => `buyer-${i + 1}`)
  const home = join(folder, 'net')
  const spec = (name: string): string => `embedded:${home}:${name}`
  return {
    kind: 'embedded',
    sellerNode: spec('seller'),
    buyerNodes: names.map((name) => ({ name, spec: spec(name) })),
    maxFeePercent: 3,
    daemons: [],
    killDaemon: async () => {},
    startDaemon: async () => {},
    freezeDaemon: () => {},
    async connect(world) {
      const { publicKey } = await world.seller.ask('balance', undefined)
      for (const buyer of world.buyers) await buyer.ask('connect', publicKey)
    },
    async balances(world) {
      const balances = new Map<string, bigint>()
      for (const actor of [world.seller, ...world.buyers]) {
        let last = ''
        await until(`the channels of ${actor.name} are still`, STILL_MS, async () => {
          const { canReceive } = await actor.ask('balance', undefined).catch(() => ({ canReceive: '' }))
          const still = canReceive !== '' && canReceive === last
          last = canReceive
          return still
        })
        // What a channel can receive is the other side's: what that lost is ours.
        balances.set(actor.name, -BigInt(last))
      }
      return balances
    },
    records: async () => new Map(['seller', ...names].map((name) => [name, readNode(join(home, 'nodes', name))])),
    close: async () => {},
  }
}

/** An embedded node's own tables. */
function readNode(directory: string): NodeRecord {
  const db = new DatabaseSync(join(directory, 'node.db'), { readOnly: true })
  const all = (sql: string) => {
    const statement = db.prepare(sql)
    statement.setReadBigInts(true)
    return statement.all() as Array<Record<string, string | bigint>>
  }
  const settlements = all('SELECT payment_hash, amount_msat FROM settlement ORDER BY position')
  const payments = all(`SELECT payment_hash, fee_msat FROM payment WHERE status = 'settled'`)
  const inFlight = all(`SELECT payment_hash FROM payment WHERE status = 'pending'`)
  db.close()
  return {
    settlements: settlements.map((row) => ({ hash: row.payment_hash as string, amount: row.amount_msat as bigint })),
    payments: payments.map((row) => ({ hash: row.payment_hash as string, fee: row.fee_msat as bigint, parts: 1 })),
    inFlight: new Set(inFlight.map((row) => row.payment_hash as string)),
  }
}
