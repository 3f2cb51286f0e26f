/*
 * Checks that imports in src/ run one way and that the pure folders stay free of Node. `npm run check` runs it.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { findBreaches } from './layers/rules.ts'

const src = path.join(import.meta.dirname, '..', 'src')
const files = globSync('**/*.ts', { cwd: src }).map((file) => file.replaceAll(path.sep, '/'))
const tree = new Map(files.map((file) => [file, readFileSync(path.join(src, file), 'utf8')]))
const breaches = findBreaches(tree)
for (const breach of breaches) console.error(`src/${breach}`)
console.log(
  breaches.length === 0 ? `Layers hold in ${tree.size} files.` : `${breaches.length} breaches of the layer rules.`,
)
process.exitCode = breaches.length === 0 ? 0 : 1
