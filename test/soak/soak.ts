import { gather } from './audit/evidence.ts'
import { judge, type Verdict } from './audit/verdict.ts'
import { Faults } from './faults.ts'
import { embeddedBackend } from './world/embeddedBackend.ts'
import { lndBackend } from './world/lndBackend.ts'
import { random } from './world/random.ts'
import { play } from './world/stage.ts'
import type { Wants, World } from './world/world.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  readonly node: 'embedded' | 'lnd'
  /** Told of every fault, and of what else is going on. */
  readonly say: (line: string) => void
  /** Told once there is something to look at. */
  readonly onWorld?: (world: World, untilMs: number) => void
}

export interface SoakResult {
  readonly verdict: Verdict
  /** What is wrong; empty if all is well. */
  readonly reasons: readonly string[]
}

const BUYERS: readonly Wants[] = [
  { ahead: '8 sat', goods: ['bytes', 'tokens', 'seconds', 'requests'] },
  { ahead: '24 sat', goods: ['ramp', 'bulk', 'tokens', 'seconds'] },
]
/** How long a stream may take to go on after the last fault. */
const GOES_ON_MS = 60_000

/** Mixed streams under faults for so long; then everything is resumed, closed and returned, and the books are compared. */
export function soak({ minutes, seed, node, say, onWorld }: SoakOptions): Promise<SoakResult> {
  const nodes = (folder: string) => (node === 'lnd' ? lndBackend(folder, say) : embeddedBackend(folder, BUYERS.length))
  return play({ seed, wants: BUYERS, nodes, say }, async (world) => {
    const before = await world.backend.balances(world)
    const untilMs = Date.now() + minutes * 60_000
    onWorld?.(world, untilMs)
    await world.begin()
    const faults = new Faults(world, random(seed), say)
    await faults.run(untilMs)
    const standing = await world.goesOn(GOES_ON_MS)
    say('no more faults: everything is followed to its end and closed')
    for (const open of await world.finish()) say(`stays open: ${open}`)
    const after = await world.backend.balances(world)
    await world.close()
    const evidence = await gather(world, before, after)
    return judge(evidence, { world, standing, faults: faults.counts, seed, minutes })
  })
}
