import { creditAt } from '../../terms/credit.ts'
import { owedBy, type Watched, type WatchedRoute } from '../watched.ts'
import type { Collector, Live } from './collector.ts'
import { writePriceText } from './priceText.ts'
import { add, NOTHING, type Sums } from './series.ts'
import type { Sight } from './sight.ts'
import type { PriceEdit } from './store.ts'
import type { Trouble } from './trouble.ts'
import type { NodeView, Wallets } from './wallet.ts'

/** Amounts are msat. As JSON every bigint is a decimal string. */
export interface StreamView {
  readonly agreement: string
  readonly route: string
  readonly client: string
  readonly unit: string
  readonly price: string
  readonly requests: number
  readonly paused: boolean
  /** Steps a second: of a byte, a token; of a second they are milliseconds. */
  readonly stepsPerSecond: bigint
  readonly msatPerSecond: bigint
  readonly unpaid: bigint
  readonly credit: bigint
  /** Paid and not used yet. */
  readonly ahead: bigint
  readonly due: bigint
  readonly paid: bigint
  readonly earned: bigint
}

export interface RouteView {
  readonly name: string
  readonly title: string
  /** `free` where nothing is charged. */
  readonly price: string
  /** The price before the last edit. */
  readonly was?: PriceEdit
  readonly streams: number
  readonly msatPerSecond: bigint
  readonly today: Sums
}

/** Whom split routes pay. `owed` is earned and not on its way yet. */
export interface RecipientView {
  readonly name: string
  readonly earned: bigint
  readonly paid: bigint
  readonly owed: bigint
}

export interface Snapshot {
  readonly atMs: number
  readonly today: Sums
  readonly msatPerSecond: bigint
  /** Streams that run or wait; of them, how many wait for money. */
  readonly streaming: number
  readonly paused: number
  readonly unpaid: bigint
  readonly owed: { readonly amount: bigint; readonly agreements: number }
  readonly streams: readonly StreamView[]
  readonly routes: readonly RouteView[]
  /** Of splits; the seller's own part is left out. Those that are owed most come first. */
  readonly recipients: readonly RecipientView[]
  readonly buyers: readonly Sight[]
  readonly troubles: readonly Trouble[]
  readonly nodes: readonly NodeView[]
}

const MINUTE_MS = 60_000
/** Where today began, by the clock on the wall: minutes are kept for longer than any day lasts. */
const midnight = (nowMs: number): number => new Date(nowMs).setHours(0, 0, 0, 0)
/** What a page shows at most: all counts and sums are of everything. */
const MAX_SHOWN = { streams: 200, recipients: 100, buyers: 100, troubles: 50 } as const

/** What a dashboard shows at one glance. @throws StreamError `ledger-failed` */
export function snapshot(collector: Collector, wallets: Wallets, nowMs: number): Snapshot {
  const { gateway, store, live } = collector
  const running = [...live.values()].filter(({ account }) => account.activeDeliveries > 0).map(streamOf)
  const today = new Map(store.byRoute(MINUTE_MS, midnight(nowMs)))
  const edits = store.prices(MAX_EDITS_LOOKED_AT)
  return {
    atMs: nowMs,
    today: [...today.values()].reduce(add, NOTHING),
    msatPerSecond: total(running, ({ msatPerSecond }) => msatPerSecond),
    streaming: running.length,
    paused: running.filter(({ paused }) => paused).length,
    unpaid: total(running, ({ unpaid }) => unpaid),
    owed: owedBy(gateway),
    streams: running
      .sort((a, b) => (a.msatPerSecond === b.msatPerSecond ? 0 : a.msatPerSecond < b.msatPerSecond ? 1 : -1))
      .slice(0, MAX_SHOWN.streams),
    routes: gateway.routes.map((route) => routeOf(route, running, today.get(route.name) ?? NOTHING, edits)),
    recipients: recipientsOf(gateway).slice(0, MAX_SHOWN.recipients),
    buyers: store.sights(MAX_SHOWN.buyers),
    troubles: store.troubles(MAX_SHOWN.troubles),
    nodes: wallets.views,
  }
}

const MAX_EDITS_LOOKED_AT = 200

function recipientsOf({ recipients }: Watched): RecipientView[] {
  return recipients
    .filter(({ kept }) => !kept)
    .map(({ recipient, earned, paid }) => ({ name: recipient, earned, paid, owed: earned - paid }))
    .sort((a, b) => (a.owed === b.owed ? 0 : a.owed < b.owed ? 1 : -1))
}

function routeOf(
  route: WatchedRoute,
  running: readonly StreamView[],
  today: Sums,
  edits: readonly PriceEdit[],
): RouteView {
  const own = running.filter((stream) => stream.route === route.name)
  const was = edits.find((edit) => edit.route === route.name)
  return {
    name: route.name,
    title: route.title,
    price: priceOf(route),
    ...(was && { was }),
    streams: own.length,
    msatPerSecond: total(own, ({ msatPerSecond }) => msatPerSecond),
    today,
  }
}

/** What a route costs, as people write it. */
export const priceOf = ({ priced }: WatchedRoute): string => (priced ? writePriceText(priced.terms) : 'free')

function streamOf({ account, rate, sight }: Live): StreamView {
  const { gate, agreement } = account
  const { steps, msat } = rate.perSecond
  return {
    agreement: agreement.id,
    route: sight.route,
    client: sight.client,
    unit: agreement.price.unit,
    price: writePriceText(agreement),
    requests: account.activeDeliveries,
    paused: gate.shut,
    stepsPerSecond: steps,
    msatPerSecond: msat,
    unpaid: gate.delivered > gate.paid ? gate.delivered - gate.paid : 0n,
    credit: creditAt(agreement.credit, gate.paid),
    ahead: account.balance,
    due: gate.due,
    paid: gate.paid,
    earned: sight.earned,
  }
}

const total = <T>(items: readonly T[], amount: (item: T) => bigint): bigint =>
  items.reduce((sum, item) => sum + amount(item), 0n)
