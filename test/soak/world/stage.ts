import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend } from './backend.ts'
import { type Wants, World } from './world.ts'

export interface Stage {
  readonly seed: number
  readonly wants: readonly Wants[]
  readonly nodes: (folder: string) => Backend | Promise<Backend>
  readonly say: (line: string) => void
}

/**
 * Sets a world up in a folder of its own, has it played in, and takes everything down again, however that ends. Logs and
 * books are kept if there is a reason to look at them.
 */
export async function play<R extends { readonly reasons: readonly string[] }>(
  { seed, wants, nodes, say }: Stage,
  scene: (world: World) => Promise<R>,
): Promise<R> {
  const folder = mkdtempSync(join(tmpdir(), 'streampay-soak-'))
  let sound = false
  try {
    const backend = await nodes(folder)
    try {
      const result = await perform(await World.open(backend, folder, seed, wants), scene)
      sound = result.reasons.length === 0
      return result
    } finally {
      await backend.close()
    }
  } finally {
    if (sound) rmSync(folder, { recursive: true, force: true })
    else say(`logs and books are in ${folder}; the same faults again: seed ${seed}`)
  }
}

async function perform<R>(world: World, scene: (world: World) => Promise<R>): Promise<R> {
  try {
    return await scene(world)
  } catch (error) {
    await world.abandon()
    throw error
  }
}
