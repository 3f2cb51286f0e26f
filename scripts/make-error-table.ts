/*
 * Writes docs/errors.md, and the table of the Python package, anew: `npm run error-table`, after a change of src/errors/codes.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pythonTable } from './errors/python.ts'
import { errorTable } from './errors/table.ts'
import { ROOT } from './run/child.ts'

mkdirSync(path.join(ROOT, 'docs'), { recursive: true })
writeFileSync(path.join(ROOT, 'docs', 'errors.md'), errorTable())
writeFileSync(path.join(ROOT, 'python', 'src', 'streampay', 'codes.py'), pythonTable())
