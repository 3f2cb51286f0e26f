import { limitRecord, limitRows, readLimitChange } from '../../buyer/journal/limitRows.ts'
import type { Journal } from '../../ledger/journal.ts'
import type { KeptLimit } from '../../ledger/limits.ts'
import { call } from '../call.ts'
import type { Caller } from '../caller.ts'
import { Budgets, NewLimit } from '../schemas.ts'

export const showBudgets = call({
  method: 'GET',
  path: '/budgets',
  id: 'getBudgets',
  summary: 'What may be spent, and what was',
  description:
    'The limits of all, for the owner; for a caller its own. `host`, `day` and `fees` hold for any 24 hours.',
  answers: { 200: { description: 'Each limit, with what was spent under it', schema: Budgets } },
  run: async (_, { caller, journal }) => ({ status: 200, body: await budgetsOf(caller, journal) }),
})

export const setBudget = call({
  method: 'PUT',
  path: '/budgets',
  id: 'setBudget',
  summary: 'Set a limit for all, or take it away',
  ownerOnly: true,
  body: NewLimit,
  answers: { 200: { description: 'The limits as they are now', schema: Budgets } },
  async run({ body: { limit, amount, at } }, { caller, journal }) {
    const change = readLimitChange(limit, amount ?? 'none', at)
    await journal.setLimit(change.limit, change.amount, change.host)
    return { status: 200, body: await budgetsOf(caller, journal) }
  },
})

async function budgetsOf(caller: Caller, journal: Journal): Promise<object> {
  const [limits, spending] = await Promise.all([
    caller.isOwner ? journal.limits() : limitsOf(caller),
    journal.spending(),
  ])
  return { limits: limitRows(limits, spending).map(limitRecord) }
}

/** A caller's limits under the names of those of all. */
function limitsOf({ limits: { max, perDay, hosts = {} } }: Caller): KeptLimit[] {
  const atHosts = Object.entries(hosts).flatMap(([host, amount]): KeptLimit[] =>
    amount === null ? [] : [{ name: 'host', host, amount }],
  )
  return [
    ...(perDay === undefined ? [] : [{ name: 'day', amount: perDay } as const]),
    ...(max === undefined ? [] : [{ name: 'total', amount: max } as const]),
    ...atHosts,
  ]
}
