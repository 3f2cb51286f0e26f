/*
 * Compiles src/ to dist/ as it is published: JavaScript and declarations, no tests, no maps; and what LND and btcd are built from.
 * What browsers load is bundled: `streampay/browser`, and the gateway's pages in web/dist.
 */
import { chmodSync, rmSync } from 'node:fs'
import path from 'node:path'
import { copyAssets } from './run/assets.ts'
import { ROOT, runNode } from './run/child.ts'
import { bundleBrowser } from './web/bundle.ts'
import { copyDashboard } from './web/dashboard.ts'
import { ensureWeb } from './web/ensure.ts'

const DIST = path.join(ROOT, 'dist')

// What a renamed source left behind must not be published.
rmSync(DIST, { recursive: true, force: true })
process.exitCode = await runNode(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
if (process.exitCode === 0) {
  chmodSync(path.join(DIST, 'cli', 'main.js'), 0o755)
  copyAssets(DIST)
  await bundleBrowser(path.join(DIST, 'browser'))
  await ensureWeb()
  copyDashboard(DIST)
}
