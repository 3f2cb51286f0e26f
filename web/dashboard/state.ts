import type { AsJson } from '../../src/gateway/admin/answers.ts'
import type { Revenue as RevenueOf } from '../../src/gateway/admin/api.ts'
import type { Snapshot } from '../../src/gateway/stats/snapshot.ts'

/** What `/api/live` tells; amounts are decimal strings of msat. See docs/dashboard.md. */
export type State = AsJson<Snapshot>
export type Stream = State['streams'][number]
export type Route = State['routes'][number]
export type Buyer = State['buyers'][number]
export type Trouble = State['troubles'][number]
export type NodeView = State['nodes'][number]
/** What `/api/revenue` tells. */
export type Revenue = AsJson<RevenueOf>
