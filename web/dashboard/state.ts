/** What `/api/live` tells; amounts are decimal strings of msat. See docs/dashboard.md. */
export interface Sums {
  readonly paid: string
  readonly earned: string
  readonly returned: string
  readonly payments: string
}

export interface Stream {
  readonly agreement: string
  readonly route: string
  readonly client: string
  readonly unit: string
  readonly price: string
  readonly requests: number
  readonly paused: boolean
  readonly stepsPerSecond: string
  readonly msatPerSecond: string
  readonly unpaid: string
  readonly credit: string
  readonly ahead: string
  readonly due: string
}

export interface Route {
  readonly name: string
  readonly title: string
  readonly price: string
  readonly was?: { readonly atMs: number; readonly was: string; readonly by: string }
  readonly streams: number
  readonly msatPerSecond: string
  readonly today: Sums
}

export interface Buyer extends Sums {
  readonly agreement: string
  readonly route: string
  readonly client: string
  readonly seenAtMs: number
  readonly state: string
}

export interface Trouble {
  readonly atMs: number
  readonly kind: string
  readonly route: string
  readonly agreement: string
  readonly text: string
}

export interface NodeView {
  readonly kind: string
  readonly network: string
  readonly alias: string
  readonly publicKey: string
  readonly up: boolean
  readonly canReceive: string
  readonly canSend: string
  readonly words: readonly string[]
}

export interface State {
  readonly atMs: number
  readonly today: Sums
  readonly msatPerSecond: string
  readonly streaming: number
  readonly paused: number
  readonly unpaid: string
  readonly owed: { readonly amount: string; readonly agreements: number }
  readonly streams: readonly Stream[]
  readonly routes: readonly Route[]
  readonly buyers: readonly Buyer[]
  readonly troubles: readonly Trouble[]
  readonly nodes: readonly NodeView[]
}

export interface Revenue {
  readonly span: string
  readonly widthMs: number
  readonly startMs: readonly number[]
  readonly paid: readonly string[]
  readonly earned: readonly string[]
}
