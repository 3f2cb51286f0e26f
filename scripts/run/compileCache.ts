import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Guard, startGuard } from '../../lightning-net/guard.ts'

let guard: Guard | undefined

/**
 * For vitest's `globalSetup`: what Node has compiled once for a run, its other processes load. Tests start the command many hundred
 * times, and from source each start takes a second of the processor, two thirds of it for what the one before did as well.
 * Only for one run: folders of tests are made anew each time, and what was compiled in them would stay for ever.
 */
export function setup(): void {
  if (process.env.NODE_COMPILE_CACHE) return
  const folder = mkdtempSync(join(tmpdir(), 'streampay-compiled-'))
  process.env.NODE_COMPILE_CACHE = folder
  // Removes it when this process has gone, however that was.
  guard = startGuard()
  guard.clear(folder)
}

export function teardown(): void {
  if (!guard) return
  delete process.env.NODE_COMPILE_CACHE
  guard.end()
}
