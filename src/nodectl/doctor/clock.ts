import type { Network } from '../../money/network.ts'
import { NETWORKS } from '../networks/networks.ts'
import { type Judgement, ok, problem, skipped, warning } from './finding.ts'

const MINUTE_MS = 60_000
/** Miners' clocks differ. */
const TOLERANCE_MS = 10 * MINUTE_MS
/** Blocks from further ahead are refused by every node (Bitcoin's consensus rules). */
const CONSENSUS_MS = 120 * MINUTE_MS
/** On a public network no block for so long happens once in some years. */
const GAP_MS = 150 * MINUTE_MS
const JUMP_MS = 2_000

export interface ClockFacts {
  /** Wall clock. */
  readonly nowMs: number
  /** What the wall clock should say by the clock that is never set, since this process started. */
  readonly steadyMs: number
  /** Time of the latest block that the node has. */
  readonly blockMs: number
}

export const clockFacts = (latestBlockAt: string): ClockFacts => ({
  nowMs: Date.now(),
  steadyMs: performance.timeOrigin + performance.now(),
  blockMs: Date.parse(latestBlockAt),
})

export function judgeClock({ nowMs, steadyMs, blockMs }: ClockFacts, network: Network, synced: boolean): Judgement {
  const todo = "Have this machine's clock kept by NTP (`timedatectl set-ntp true`)."
  const ahead = blockMs - nowMs
  if (ahead > CONSENSUS_MS) {
    return problem('clock-jumped', `this clock is ${span(ahead)} behind the latest block: blocks are refused`, todo)
  }
  if (ahead > TOLERANCE_MS) return warning(`this clock is ${span(ahead)} behind the latest block`, todo)
  const jump = Math.abs(nowMs - steadyMs)
  if (jump > JUMP_MS) return warning(`the clock was set by ${span(jump)} while the doctor looked`, todo)
  if (!synced && -ahead > GAP_MS) return skipped('the blocks that the node has are too old to measure it by')
  // Private chains stand still for as long as nobody mines.
  if (!NETWORKS[network].private && -ahead > GAP_MS) {
    return warning(`the latest block is ${span(-ahead)} old: either blocks are rare, or this clock is ahead`, todo)
  }
  return ok(`it agrees with the latest block, ${-ahead < MINUTE_MS ? 'which is fresh' : `${span(-ahead)} old`}`)
}

function span(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}
