/*
 * Compiles src/ to dist/ as it is published: JavaScript and declarations, no tests, no maps.
 */
import { chmodSync, rmSync } from 'node:fs'
import path from 'node:path'
import { ROOT, runNode } from './run/child.ts'

// What a renamed source left behind must not be published.
rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true })
process.exitCode = await runNode(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
if (process.exitCode === 0) chmodSync(path.join(ROOT, 'dist', 'cli', 'main.js'), 0o755)
