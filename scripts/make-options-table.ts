/*
 * Writes docs/options.md anew: `npm run options-table`, after a change of what the library takes.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { publicOptions } from './options/publicOptions.ts'
import { optionsReference } from './options/reference.ts'
import { ROOT } from './run/child.ts'

writeFileSync(path.join(ROOT, 'docs', 'options.md'), optionsReference(publicOptions()))
