/*
 * Makes the gateway's pages in web/dist where they are not there, or older than what they are made of.
 */
import { globSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../run/child.ts'

const DIST = path.join(ROOT, 'web', 'dist')

/** Bundles the pages if need be; processes that want them at once do not disturb each other. */
export async function ensureWeb(): Promise<void> {
  if (isFresh()) return
  mkdirSync(path.join(ROOT, '.cache'), { recursive: true })
  const made = mkdtempSync(path.join(ROOT, '.cache', 'web-'))
  try {
    // Most of the time nothing is to be bundled.
    const { bundleWeb } = await import('./bundle.ts')
    await bundleWeb(made)
    // Whoever made them meanwhile made the same.
    if (isFresh()) return
    rmSync(DIST, { recursive: true, force: true })
    renameSync(made, DIST)
  } catch (error) {
    if (!isFresh()) throw error
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}

function isFresh(): boolean {
  const built = statSync(path.join(DIST, 'play.js'), { throwIfNoEntry: false })
  if (!built) return false
  const sources = globSync(['src/**/*.ts', 'web/*', 'scripts/web/*.ts', 'package-lock.json'], { cwd: ROOT })
  return sources.every((file) => statSync(path.join(ROOT, file)).mtimeMs <= built.mtimeMs)
}

if (import.meta.main) await ensureWeb()
