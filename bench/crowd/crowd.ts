import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { GatewayConfigInput } from '../../src/gateway/config/schema.ts'
import { packageFilm } from '../../src/gateway/video/package.ts'
import { makeFilm } from '../../src/gateway/video/testing/film.ts'
import { CpuMeter } from './cpu.ts'
import { embeddedNodes } from './embedded.ts'
import { labNodes } from './lab.ts'
import type { RunOrder, Tick } from './members/orders.ts'
import { type CrowdNodes, nodeLimit, settledAt } from './pair.ts'
import { runMembers, startGateway, startUpstream } from './processes.ts'
import { type CrowdReport, report } from './report.ts'

export interface CrowdOptions {
  readonly buyers: number
  readonly viewers: number
  readonly seconds: number
  readonly node: 'embedded' | 'lnd'
  /** Of the model, by the token. */
  readonly price: string
  /** What each of them pays ahead at most. */
  readonly ahead: string
  readonly say: (line: string) => void
  readonly onTick?: (tick: Tick, seconds: number) => void
}

const FILM_PRICE = '1 sat/s'
const CREDIT = '2 sat'
const TOKENS_PER_SECOND = 50
/** Of no token for so long a reader takes notice: 25 tokens are missing then. */
const GAP_MS = 500
/** They come one after the other, as people do: so much time for each, within these bounds until all are there. */
const JOIN_MS = { each: 120, least: 1000, most: 45_000 }
const UNPAID_SECONDS = 15
/** What a player loads ahead, and some more: a film that begins anew would cost nothing. */
const FILM_MARGIN_SECONDS = 12

/** So many readers of a model and viewers of a film at once: unpaid first, then paid through a gateway. */
export async function crowd(options: CrowdOptions): Promise<CrowdReport> {
  const { node, say } = options
  say(`bringing up two ${node === 'lnd' ? 'LNDs: the lab' : 'embedded nodes'} …`)
  const nodes = node === 'lnd' ? await labNodes(say) : await embeddedNodes()
  try {
    return await onNodes(nodes, options)
  } finally {
    await nodes.close()
  }
}

async function onNodes(nodes: CrowdNodes, options: CrowdOptions): Promise<CrowdReport> {
  const { buyers, viewers, seconds, node, price, ahead, say } = options
  const joinMs = Math.min(JOIN_MS.most, Math.max(JOIN_MS.least, (buyers + viewers) * JOIN_MS.each))
  const film = viewers > 0 ? await packaged(nodes.home, seconds + joinMs / 1000, say) : undefined
  say('measuring what the nodes carry alone …')
  const limit = await nodeLimit(nodes)
  say(`the nodes alone: ${limit.perSecond.toFixed(0)} payments/s of ${limit.medianMs.toFixed(0)} ms`)
  const upstream = await startUpstream(TOKENS_PER_SECOND, film?.folder)
  try {
    const order = { buyers, viewers, joinMs, tokensPerSecond: TOKENS_PER_SECOND, gapMs: GAP_MS }
    say('unpaid, from the upstream itself …')
    const unpaidSeconds = Math.min(UNPAID_SECONDS, seconds)
    const unpaidOrder: RunOrder = { ...order, seconds: unpaidSeconds, url: upstream.url }
    const unpaid = await runMembers(unpaidOrder, { tick: tell(options), measuring: () => {} })
    const gateway = await startGateway(nodes.home, configOf(nodes, price, upstream.url, film?.path))
    say(`paid, through the gateway at ${gateway.url} …`)
    let cpu: Readonly<Record<string, number>> = {}
    let meter: CpuMeter | undefined
    const paid = { node: nodes.buyers, ahead }
    const running = runMembers(
      { ...order, seconds, url: gateway.url, paid },
      {
        tick: tell(options),
        measuring(now, members) {
          if (!now) cpu = meter?.stop() ?? {}
          else {
            const own = { gateway: [gateway.pid], members: [members], upstream: [upstream.pid] }
            meter = new CpuMeter({ ...own, ...(nodes.pids.length > 0 && { nodes: nodes.pids }) })
            meter.start()
          }
        },
      },
    )
    // However it went, nothing stays.
    const [run, sold] = await running.then(
      async (result) => [result, await gateway.close()] as const,
      async (error) => {
        await gateway.close().catch(() => {})
        throw error
      },
    )
    const settled = await settledAt(nodes, {
      paid: new Set(run.payments.map(({ paymentHash }) => paymentHash)),
      returned: new Set(run.returns),
    })
    const { trouble } = gateway
    return report({
      ...{ buyers, viewers, seconds, node, price, unpaid, run, sold, settled, cpu, trouble },
      tokensPerSecond: TOKENS_PER_SECOND,
      gapMs: GAP_MS,
      nodeLimit: limit,
    })
  } finally {
    await upstream.close()
  }
}

/** A film as long as the run, packaged where the gateway keeps its own: so it is there at once, and the upstream has it too. */
async function packaged(home: string, seconds: number, say: (line: string) => void) {
  say('making a film …')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const path = makeFilm(home, { seconds: Math.ceil(seconds) + FILM_MARGIN_SECONDS })
  return { path, folder: await packageFilm(path, { cache: join(home, 'video') }) }
}

function configOf(nodes: CrowdNodes, price: string, upstream: string, film: string | undefined): GatewayConfigInput {
  const model = { name: 'chat', path: '/v1/chat/*', methods: ['POST' as const], upstream, price }
  const video = { name: 'film', path: '/film/**', video: film ?? '', price: FILM_PRICE }
  const routes = [model, ...(film === undefined ? [] : [video])].map((route) => ({ ...route, credit: CREDIT }))
  // Members come from addresses of their own, which they name as a proxy in front would.
  return { listen: { port: 0, trustProxy: 1 }, node: nodes.sellers, routes }
}

function tell({ onTick }: CrowdOptions): (tick: Tick) => void {
  const startedAt = performance.now()
  return (tick) => onTick?.(tick, (performance.now() - startedAt) / 1000)
}
