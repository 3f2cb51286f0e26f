import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '../../src/ledger/index.ts'
import type { Journal } from '../../src/ledger/journal.ts'
import { parseMsat } from '../../src/money/msat.ts'
import { parsePrice } from '../../src/money/price.ts'
import { Callers, newToken } from '../../src/proxy/callers.ts'
import { openProxy, type PayingProxy, type ProxyOptions } from '../../src/proxy/proxy.ts'
import { type PurseEvent, Purses } from '../../src/proxy/purses.ts'
import { Reachable } from '../../src/proxy/reach.ts'
import type { RequestEvent } from '../../src/proxy/requests.ts'
import { Upstream } from '../../src/proxy/upstream.ts'
import { SCHEME_NAMES, type SchemeName } from '../../src/wire/challenges.ts'
import { atEnd, type Stand } from '../gateway/stand.ts'

export interface ProxyStand extends PayingProxy {
  readonly callers: Callers
  readonly purses: Purses
  readonly journal: Journal
  readonly token: string
  readonly events: (RequestEvent | PurseEvent)[]
  readonly errors: unknown[]
}

export interface ProxySettings extends Partial<Omit<ProxyOptions, 'to'>> {
  readonly to?: string
  readonly max?: string
  readonly maxPrice?: string
  readonly ahead?: string
  readonly maxRisk?: string
  readonly schemes?: readonly SchemeName[]
  readonly idleMs?: number
  readonly privateNetworks?: boolean
}

/** A proxy that pays with the buyer's scripted node of a stand. */
export async function openProxyStand(
  { nodes }: Pick<Stand, 'nodes'>,
  settings: ProxySettings = {},
): Promise<ProxyStand> {
  const {
    to,
    max = '1000 sat',
    ahead = '10 sat',
    maxRisk = '50 sat',
    schemes = SCHEME_NAMES,
    idleMs = 3_600_000,
    maxPrice,
    privateNetworks = false,
    ...rest
  } = settings
  const folder = mkdtempSync(join(tmpdir(), 'streampay-proxy-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const events: ProxyStand['events'] = []
  const errors: unknown[] = []
  const onEvent = (event: RequestEvent | PurseEvent) => void events.push(event)
  const callers = rest.callers ?? new Callers(join(folder, 'callers.json'))
  const target = to === undefined ? undefined : new URL(to)
  const reachable = new Reachable({ privateNetworks, to: target })
  const upstream = rest.upstream ?? new Upstream(reachable)
  const journal = openJournal(join(folder, 'journal.db'))
  const purses = new Purses({
    node: Promise.resolve(nodes.buyer),
    journal,
    callers,
    fetch: upstream.fetch,
    max: parseMsat(max),
    ahead: parseMsat(ahead),
    schemes,
    maxRisk: parseMsat(maxRisk),
    maxFeePercent: 3,
    insecure: false,
    idleMs,
    onEvent,
    ...(maxPrice !== undefined && { maxPrice: [parsePrice(maxPrice)] }),
  })
  const token = newToken()
  const proxy = await openProxy({
    host: '127.0.0.1',
    port: 0,
    insecure: false,
    hosts: [],
    location: false,
    requireToken: false,
    dryRun: false,
    token,
    callers,
    purses,
    upstream,
    reachable,
    onEvent,
    onError: (error) => errors.push(error),
    ...rest,
    to: target,
  })
  atEnd(async () => {
    await proxy.close()
    await purses.close()
    upstream.close()
    await journal.end()
  })
  return { ...proxy, callers, purses, journal, token, events, errors }
}

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A request just as it is written: any target, any Host. */
export async function raw(
  { port }: Pick<PayingProxy, 'port'>,
  target: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string,
): Promise<RawAnswer> {
  const outgoing = httpRequest({ host: '127.0.0.1', port, path: target, method, headers, agent: false })
  outgoing.end(body)
  const [incoming] = await once(outgoing, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return { status: incoming.statusCode, headers: incoming.headers, text: Buffer.concat(chunks).toString() }
}

/** What stands in a problem document. */
export const problem = (answer: RawAnswer): Record<string, string> => JSON.parse(answer.text)
