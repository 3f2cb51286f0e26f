/*
 * Writes docs/conformance.md anew: `npm run conformance-page`, after a change of test/conformance/documents.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { conformancePage } from '../test/conformance/page.ts'
import { ROOT } from './run/child.ts'

writeFileSync(path.join(ROOT, 'docs', 'conformance.md'), conformancePage())
