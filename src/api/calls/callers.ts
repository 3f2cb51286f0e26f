import { z } from 'zod'
import { readHost } from '../../buyer/journal/limitRows.ts'
import { StreamError } from '../../errors/error.ts'
import type { CallerLimits } from '../../ledger/limits.ts'
import { parseMsat } from '../../money/msat.ts'
import { formatPrice, parsePrice } from '../../money/price.ts'
import { call } from '../call.ts'
import { AddedCaller, CallerList, CallerName, NewCaller, RemovedCaller } from '../schemas.ts'

export const listCallers = call({
  method: 'GET',
  path: '/callers',
  id: 'listCallers',
  summary: 'The programs that may spend, and what each has spent',
  ownerOnly: true,
  answers: { 200: { description: 'The callers, without their tokens', schema: CallerList } },
  async run(_, { parts: { callers, journal } }) {
    const list = await Promise.all(
      callers.list().map(async ({ name, limits, createdAtMs }) => {
        const { total, day } = await journal.callerSpending(name)
        return { name, ...limits, createdAt: new Date(createdAtMs).toISOString(), spent: total, spentToday: day }
      }),
    )
    return { status: 200, body: { callers: list } }
  },
})

export const addCaller = call({
  method: 'POST',
  path: '/callers',
  id: 'addCaller',
  summary: 'Let a program spend, within limits of its own',
  ownerOnly: true,
  body: NewCaller,
  answers: { 201: { description: 'The caller, and its token, which is told this once', schema: AddedCaller } },
  async run({ body: { name, ...wish } }, { parts }) {
    const { caller, token } = parts.callers.add(name, readLimits(wish))
    return { status: 201, body: { name: caller.name, ...caller.limits, token } }
  },
})

export const removeCaller = call({
  method: 'DELETE',
  path: '/callers/{name}',
  id: 'removeCaller',
  summary: 'Take a caller away: its token opens nothing from then on',
  ownerOnly: true,
  params: z.strictObject({ name: CallerName }),
  answers: { 200: { description: 'It is gone', schema: RemovedCaller } },
  async run({ params: { name } }, { parts }) {
    if (!parts.callers.remove(name)) throw new StreamError('not-found', `there is no caller ${name}`)
    return { status: 200, body: { name } }
  },
})

function readLimits({
  max,
  perDay,
  maxPrice,
  ahead,
  maxRisk,
  hosts,
}: Omit<z.output<typeof NewCaller>, 'name'>): CallerLimits {
  const atHosts = Array.isArray(hosts) ? hosts.map((host) => [host, null] as const) : Object.entries(hosts ?? {})
  return {
    ...(max !== undefined && { max: parseMsat(max) }),
    ...(perDay !== undefined && { perDay: parseMsat(perDay) }),
    ...(maxPrice !== undefined && { maxPrice: maxPrice.split(',').map(parsePrice).map(formatPrice).join(', ') }),
    ...(ahead !== undefined && { ahead: parseMsat(ahead) }),
    ...(maxRisk !== undefined && { maxRisk: parseMsat(maxRisk) }),
    ...(hosts !== undefined && {
      hosts: Object.fromEntries(
        atHosts.map(([host, most]) => [readHost(host), most === null ? null : parseMsat(most)]),
      ),
    }),
  }
}
