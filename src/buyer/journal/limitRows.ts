import { StreamError } from '../../errors/error.ts'
import type { SpendingReport } from '../../ledger/journal.ts'
import { type KeptLimit, LIMIT_NAMES, type LimitName } from '../../ledger/limits.ts'
import { type Msat, parseMsat } from '../../money/msat.ts'

/** A limit and how far it is used. */
export interface LimitRow {
  readonly limit: LimitName
  readonly host?: string
  readonly max?: bigint
  /** Where it can be told: one request, or one agreement, is not looked up here. */
  readonly spent?: bigint
}

/** Every limit there is, whether it is set or not, with what was spent under it; below `host` a row for each host that has one or was paid. */
export function limitRows(limits: readonly KeptLimit[], { hosts, day, fees, total }: SpendingReport): LimitRow[] {
  const spent: Partial<Record<LimitName, bigint>> = { day, fees, total }
  const general = LIMIT_NAMES.map((limit): LimitRow => {
    const kept = limits.find(({ name, host }) => name === limit && host === undefined)
    return { limit, ...(kept && { max: kept.amount }), ...(spent[limit] !== undefined && { spent: spent[limit] }) }
  })
  const atAnyHost = general.find(({ limit }) => limit === 'host')?.max
  const named = new Set([...hosts.keys(), ...limits.flatMap(({ host }) => (host === undefined ? [] : [host]))])
  const own = [...named].sort().map((host): LimitRow => {
    const max = limits.find((limit) => limit.host === host)?.amount ?? atAnyHost
    return { limit: 'host', host, ...(max !== undefined && { max }), spent: hosts.get(host) ?? 0n }
  })
  return general.flatMap((row) => (row.limit === 'host' ? [row, ...own] : [row]))
}

/** A row as JSON; amounts in msat. */
export const limitRecord = ({ limit, host, max, spent }: LimitRow): Record<string, string> => ({
  limit,
  ...(host !== undefined && { host }),
  ...(max !== undefined && { max: `${max}` }),
  ...(spent !== undefined && { spent: `${spent}` }),
})

/** A change of a limit, as somebody asked for it. */
export interface LimitChange {
  readonly limit: LimitName
  /** `undefined` takes the limit away. */
  readonly amount: Msat | undefined
  readonly host?: string
}

/**
 * Reads which limit is to be set, to how much, and where.
 * @param amount such as "10 000 sat", or "none"
 * @throws StreamError `option-invalid`, `amount-invalid`, `amount-out-of-range`
 */
export function readLimitChange(name: string, amount: string, at: string | undefined): LimitChange {
  const limit = LIMIT_NAMES.find((known) => known === name)
  if (!limit) throw new StreamError('option-invalid', `"${name}" is no limit; there are ${LIMIT_NAMES.join(', ')}`)
  if (at !== undefined && limit !== 'host') throw new StreamError('option-invalid', '--at goes with the limit host')
  return {
    limit,
    amount: amount === 'none' ? undefined : parseMsat(amount),
    ...(at !== undefined && { host: readHost(at) }),
  }
}

/** A host as it stands in an origin: without a scheme, and with its port only where that is not the scheme's own. */
export function readHost(text: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`)
  if (!url?.host) throw new StreamError('option-invalid', `"${text}" is not a host such as api.example.com:8443`)
  return url.host
}
