import { join } from 'node:path'
import { openJournal } from '../../src/ledger/index.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { parseMsat, sat, ZERO } from '../../src/money/msat.ts'
import { Callers, newToken } from '../../src/proxy/callers.ts'
import { openProxy } from '../../src/proxy/proxy.ts'
import { Purses } from '../../src/proxy/purses.ts'
import { Reachable } from '../../src/proxy/reach.ts'
import { Upstream } from '../../src/proxy/upstream.ts'
import { cpuMs, order, serveBench } from '../process.ts'

/** A proxy that pays one seller, and where its node, its journal and its callers lie. */
export interface PayingOrder {
  readonly home: string
  readonly folder: string
  /** The seller, and its node's key. */
  readonly to: string
  readonly payee: string
  readonly ahead: string
}

/** What the figures tell of the one agreement. */
export interface PaidTrade {
  readonly payments: number
  /** By the buyer's own count, in msat. */
  readonly received: string
  readonly stallMs: number
  readonly maxAhead: string
}

/** The proxy as `streampay proxy --to URL` runs it. */
const { home, folder, to, payee, ahead } = order<PayingOrder>()
const node = await createEmbeddedNode({ home, name: 'payer' })
await node.openChannelTo(payee)
const reachable = new Reachable({ privateNetworks: false, to: new URL(to) })
const upstream = new Upstream(reachable)
const journal = openJournal(join(folder, 'journal.db'))
const callers = new Callers(join(folder, 'callers.json'))
const onError = (error: unknown) => void process.stderr.write(`  the proxy: ${error}\n`)
const purses = new Purses({
  node: Promise.resolve(node),
  journal,
  callers,
  fetch: upstream.fetch,
  max: sat(1_000_000),
  ahead: parseMsat(ahead),
  schemes: ['stream'],
  maxRisk: ZERO,
  maxFeePercent: 3,
  insecure: false,
  idleMs: 3_600_000,
  onEvent: () => {},
})
const proxy = await openProxy({
  host: '127.0.0.1',
  port: 0,
  insecure: false,
  hosts: [],
  to: new URL(to),
  location: false,
  requireToken: false,
  dryRun: false,
  token: newToken(),
  callers,
  purses,
  upstream,
  reachable,
  onEvent: () => {},
  onError,
})

serveBench({
  ready: { url: proxy.url },
  answers: {
    cpuMs,
    trade: (): PaidTrade | undefined => {
      const [first] = purses.trades
      if (!first) return undefined
      const { payments, received, stallMs, maxAhead } = first.trade
      return { payments, received: `${received}`, stallMs, maxAhead: `${maxAhead}` }
    },
  },
  close: async () => {
    await proxy.close()
    await purses.close()
    upstream.close()
    await journal.end()
    await node.close()
  },
})
