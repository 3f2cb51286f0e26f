import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let folder: string | undefined

/**
 * For vitest's `globalSetup`: what Node has compiled once for a run, its other processes load. Tests start the command and its like some
 * thousand times, and from source that takes a second of the processor each time, most of it for what the one before did as well.
 * Only for one run: folders of tests are made anew each time, and what was compiled in them would stay for ever.
 */
export function setup(): void {
  if (process.env.NODE_COMPILE_CACHE) return
  folder = mkdtempSync(join(tmpdir(), 'streampay-compiled-'))
  process.env.NODE_COMPILE_CACHE = folder
}

export function teardown(): void {
  if (folder === undefined) return
  delete process.env.NODE_COMPILE_CACHE
  rmSync(folder, { recursive: true, force: true })
}
