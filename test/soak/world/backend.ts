import type { World } from './world.ts'

/** A node's money: what it would have to itself if all its channels were closed now, up to a constant. In msat. */
export type Balances = ReadonlyMap<string, bigint>

/** What a node itself recorded, read from it and not from any book of Stream. Amounts in msat. */
export interface NodeRecord {
  /** Its invoices that were paid; one that was paid twice is here twice, or with more than it asked for. */
  readonly settlements: ReadonlyArray<{ readonly hash: string; readonly amount: bigint }>
  /** Its payments that settled. `parts`: HTLCs that did; more than one is a payment made twice. */
  readonly payments: ReadonlyArray<{ readonly hash: string; readonly fee: bigint; readonly parts: number }>
  /** Payments that it calls in flight. */
  readonly inFlight: ReadonlySet<string>
}

/** The Lightning nodes of a run. */
export interface Backend {
  readonly kind: 'embedded' | 'lnd'
  readonly sellerNode: string
  /** Names and node specs of the buyers' nodes. */
  readonly buyerNodes: ReadonlyArray<{ readonly name: string; readonly spec: string }>
  /** The most that routing may add to a buyer's payment, in per cent. */
  readonly maxFeePercent: number
  /** Nodes that are processes of their own; an embedded node lives and dies with its seller or buyer. */
  readonly daemons: readonly string[]
  killDaemon(name: string): Promise<void>
  startDaemon(name: string): Promise<void>
  freezeDaemon(name: string, frozen: boolean): void
  /** Once all processes run: makes sure that the buyers can pay. */
  connect(world: World): Promise<void>
  /** Waits until nothing is in flight. Also names that are no seller or buyer, but took part. */
  balances(world: World): Promise<Balances>
  /** Once the processes of seller and buyers have ended. By name: `seller`, and the buyers'. */
  records(): Promise<ReadonlyMap<string, NodeRecord>>
  close(): Promise<void>
}
