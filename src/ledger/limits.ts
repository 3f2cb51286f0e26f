import { type Msat, ZERO } from '../money/msat.ts'

/**
 * What a buyer may spend, routing included. Pending payments and those of unknown outcome count in full, with their fee caps.
 * `day`, `host` and `fees` hold for any 24 hours, so that they renew; `total` never does.
 */
export interface Limits {
  /** On one request. No limit by default. */
  readonly request?: Msat | undefined
  /** On one agreement. No limit by default. */
  readonly agreement?: Msat | undefined
  /** At one host, in any 24 hours. No limit by default. */
  readonly host?: Msat | undefined
  /** At all hosts, in any 24 hours. No limit by default. */
  readonly day?: Msat | undefined
  /** For routing, at all hosts, in any 24 hours. Every payment has a cap of its own besides. No limit by default. */
  readonly fees?: Msat | undefined
  /** In all, for as long as the journal is kept. No limit by default. */
  readonly total?: Msat | undefined
  /** By one caller, for as long as the journal is kept. Those of a caller are given with each of its payments, and not kept. No limit by default. */
  readonly caller?: Msat | undefined
  /** By one caller, in any 24 hours. No limit by default. */
  readonly 'caller-day'?: Msat | undefined
  /** By one caller at one host, in any 24 hours. No limit by default. */
  readonly 'caller-host'?: Msat | undefined
}

/** What one of several programs that pay from the same journal may spend, pending and unknown payments included. */
export interface CallerLimits {
  /** In all, for as long as the journal is kept. */
  readonly max?: Msat
  /** In any 24 hours. */
  readonly perDay?: Msat
  /** The most to accept for a unit, as people write it, several with commas; what holds for all callers holds besides. */
  readonly maxPrice?: string
  /** The most to have paid for what has not come: never more than what holds for all. */
  readonly ahead?: Msat
  /** The most to pay in one piece before anything comes, to sellers that want it so: never more than what holds for all. */
  readonly maxRisk?: Msat
  /** Where alone it may pay, as in a URL with its port, and how much there in any 24 hours; `null` is without a limit of its own. */
  readonly hosts?: Readonly<Record<string, Msat | null>>
}

export const LIMIT_NAMES = ['request', 'agreement', 'host', 'day', 'fees', 'total'] as const
export type LimitName = (typeof LIMIT_NAMES)[number]
const CALLER_LIMITS = ['caller', 'caller-day', 'caller-host'] as const
/** Every limit there is, those that are given for a caller among them. */
export type AnyLimit = LimitName | (typeof CALLER_LIMITS)[number]

/** Each limit as it is said: "the limit of 5 sat in a day". */
export const LIMIT_OF = {
  request: 'on a request',
  agreement: 'on an agreement',
  host: 'at this host in a day',
  day: 'in a day',
  fees: 'for routing in a day',
  total: 'in all',
  caller: 'of this caller',
  'caller-day': 'of this caller in a day',
  'caller-host': 'of this caller at this host in a day',
} as const satisfies Record<AnyLimit, string>

/** A limit as it is kept: for all hosts, or for the one it names (`host` only). */
export interface KeptLimit {
  readonly name: LimitName
  /** Host with its port, as in a URL; absent for all hosts that have no limit of their own. */
  readonly host?: string
  readonly amount: Msat
}

/** How much of a limit is used. */
export interface LimitUse {
  readonly limit: AnyLimit
  readonly max: Msat
  /** With the payment in question, where there is one. */
  readonly spent: Msat
}

/** What was spent where a payment is to be added: what the limits are held against, in msat. */
export interface Spending {
  readonly agreement: bigint
  readonly host: bigint
  readonly day: bigint
  readonly fees: bigint
  readonly total: bigint
  /** By the caller of the payment; zero without one. */
  readonly caller: bigint
  readonly 'caller-day': bigint
  readonly 'caller-host': bigint
}

/** A payment of this much would pass a limit, or come near one. */
export interface Judgement {
  /** The first limit that it would pass. */
  readonly over?: LimitUse
  /** Limits of which it uses the last fifth for the first time. */
  readonly near: readonly LimitUse[]
}

/** From this part of a limit on its owner is warned, in per cent. */
const SOFT_PERCENT = 80n

/**
 * Holds a payment against limits. `request` is not among them: which request a payment is for only the buyer can tell.
 * @param cost what the payment may cost, with its fee cap
 * @param maxFee the part of it that is for routing
 */
export function judge(limits: Limits, spending: Spending, cost: bigint, maxFee: bigint): Judgement {
  const near: LimitUse[] = []
  for (const limit of ['agreement', 'host', 'day', 'fees', 'total', ...CALLER_LIMITS] as const) {
    const max = limits[limit]
    if (max === undefined) continue
    const before = spending[limit]
    const spent = (before + (limit === 'fees' ? maxFee : cost)) as Msat
    if (spent > max) return { over: { limit, max, spent: before as Msat }, near: [] }
    const soft = max * SOFT_PERCENT
    if (spent * 100n >= soft && before * 100n < soft) near.push({ limit, max, spent })
  }
  return { near }
}

/** The stricter of each. */
export function strictest(one: Limits, other: Limits): Limits {
  const entries = [...LIMIT_NAMES, ...CALLER_LIMITS].flatMap((name) => {
    const [a, b] = [one[name], other[name]]
    const least = a === undefined || (b !== undefined && b < a) ? b : a
    return least === undefined ? [] : [[name, least] as const]
  })
  return Object.fromEntries(entries)
}

/** What a caller may still do at a host. One that may pay nothing there has a limit of zero. */
export function callerLimitsAt({ max, perDay, hosts }: CallerLimits, host: string): Limits {
  const own = hosts && (Object.hasOwn(hosts, host) ? hosts[host] : ZERO)
  return {
    ...(max !== undefined && { caller: max }),
    ...(perDay !== undefined && { 'caller-day': perDay }),
    ...(own !== undefined && own !== null && { 'caller-host': own }),
  }
}

/** The limits that hold at a host: its own where it has one. @param host as in a URL, with its port */
export function limitsAt(kept: readonly KeptLimit[], host: string): Limits {
  const general = kept.filter((limit) => limit.host === undefined)
  const own = kept.filter((limit) => limit.host === host)
  return Object.fromEntries([...general, ...own].map(({ name, amount }) => [name, amount]))
}
