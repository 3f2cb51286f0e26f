/*
 * Writes spec/vectors/*.json from the code: fixed keys and times, so that the same code writes the same bytes.
 *   node scripts/make-vectors.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { makeVectors, VECTORS_FOLDER } from './vectors/index.ts'

mkdirSync(VECTORS_FOLDER, { recursive: true })
for (const [name, text] of makeVectors()) writeFileSync(path.join(VECTORS_FOLDER, name), text)
