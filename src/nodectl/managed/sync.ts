/** What a node is at on its way to the present. In this order, and each only as far as it applies. */
export type SyncPhase = 'peers' | 'headers' | 'filters' | 'wallet' | 'stale' | 'graph' | 'done'

/** How far it is. Heights are of blocks. */
export interface SyncProgress {
  readonly phase: SyncPhase
  readonly height: number
  /** Where it is going, as far as anybody has said. */
  readonly target?: number
}

/** What LND answers to `GetInfo`, as far as it is read here. */
export interface SyncInfo {
  readonly block_height: number
  /** Seconds since 1970. */
  readonly best_header_timestamp: string | number
  readonly synced_to_chain: boolean
  readonly synced_to_graph: boolean
  readonly num_peers: number
}

/** LND calls itself in step only with a chain whose newest block is younger than two hours. */
const FRESH_S = 2 * 3600

/**
 * Where a node is, from its own answer and from what its log says: before it has the chain, LND answers with no more than
 * a height that stands still.
 * @param log last lines of lnd.log
 * @param seekPeers whether it is a light client, which has to find Bitcoin nodes first
 */
export function readProgress(info: SyncInfo, log: readonly string[], seekPeers: boolean, nowMs: number): SyncProgress {
  const heard = readLog(log)
  const height = Math.max(info.block_height, heard.height ?? 0)
  if (info.synced_to_chain) {
    const done = info.synced_to_graph || info.num_peers === 0
    return { phase: done ? 'done' : 'graph', height }
  }
  const stale = Number(info.best_header_timestamp) < nowMs / 1000 - FRESH_S
  if (seekPeers && !heard.peer) return { phase: 'peers', height }
  // LND counts a block once it has its filter too.
  const atTip = heard.target === undefined ? !seekPeers : info.block_height >= heard.target
  if (atTip) return { phase: stale ? 'stale' : 'wallet', height }
  const target = heard.target === undefined ? {} : { target: Math.max(heard.target, height) }
  return { phase: heard.phase ?? 'headers', height, ...target }
}

interface Heard {
  readonly peer: boolean
  readonly phase?: 'headers' | 'filters'
  readonly height?: number
  readonly target?: number
}

/** Lines of LND's light client that say how far it is (neutrino's block manager). */
function readLog(lines: readonly string[]): Heard {
  let heard: Heard = { peer: false }
  for (const line of lines) {
    if (!line.includes(' BTCN: ')) continue
    const [, target] = /Syncing to block height (\d{1,9}) /.exec(line) ?? []
    const [, headers] = /Processed \d+ blocks? in .*\(height (\d{1,9}),/.exec(line) ?? []
    const [, filters] = /Verified \d+ filter headers? in .*\(height (\d{1,9}),/.exec(line) ?? []
    const from = /Starting cfheaders sync from \(block_height=(\d{1,9})/.exec(line)?.[1]
    if (target) heard = { peer: true, phase: 'headers', height: heard.height ?? 0, target: Number(target) }
    else if (headers) heard = { ...heard, peer: true, phase: 'headers', height: Number(headers) }
    // From here on heights are those of filters, and begin anew.
    else if (from ?? filters) heard = { ...heard, peer: true, phase: 'filters', height: Number(filters ?? from) }
    else if (line.includes('New valid peer')) heard = { ...heard, peer: true }
  }
  return heard
}

/** A moment, and how far the node was. */
export interface SyncSample extends SyncProgress {
  readonly atMs: number
}

/** Only what is this recent says how fast it goes. */
const WINDOW_MS = 60_000
/** Two samples closer than this say nothing. */
const LEAST_MS = 2_000

/** Time left in the phase, in ms, from samples in their order; `undefined` when they do not tell. */
export function estimateMs(samples: readonly SyncSample[]): number | undefined {
  const last = samples.at(-1)
  if (last?.target === undefined) return undefined
  const first = samples.find(({ phase, atMs }) => phase === last.phase && last.atMs - atMs <= WINDOW_MS)
  if (!first) return undefined
  const [blocks, ms] = [last.height - first.height, last.atMs - first.atMs]
  if (blocks <= 0 || ms < LEAST_MS) return undefined
  return Math.round(((last.target - last.height) * ms) / blocks)
}

const WORDS: Readonly<Record<SyncPhase, string>> = {
  peers: 'looking for Bitcoin nodes',
  headers: 'headers',
  filters: 'filters',
  wallet: 'the wallet catches up',
  stale: 'waiting for a fresh block: the newest is hours old',
  graph: 'learning the channels of others',
  done: 'in step with the chain',
}
const BAR = 24

/** One line for people. @example '████████░░░░ 66%  headers 120,000 of 180,000, about 3 min left' */
export function drawProgress(samples: readonly SyncSample[]): string {
  const last = samples.at(-1)
  if (!last) return WORDS.peers
  const { phase, height, target } = last
  if (phase !== 'headers' && phase !== 'filters')
    return height > 0 ? `${WORDS[phase]}, block ${grouped(height)}` : WORDS[phase]
  if (!target) return `${WORDS[phase]} ${grouped(height)}`
  const part = Math.min(1, height / target)
  const full = Math.floor(part * BAR)
  const left = estimateMs(samples)
  const bar = '█'.repeat(full) + '░'.repeat(BAR - full)
  const time = left === undefined ? '' : `, about ${inTime(left)} left`
  return `${bar} ${Math.floor(part * 100)}%  ${WORDS[phase]} ${grouped(height)} of ${grouped(target)}${time}`
}

const grouped = (n: number): string => n.toLocaleString('en-US')

/** Rounded as an estimate is. */
export function inTime(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000))
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`
}
