import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT } from '../../scripts/run/child.ts'

/** Where `.ci/run` puts packages that the machine's own Python lacks. */
const OWN = join(resolve(process.env.STREAMPAY_CACHE || join(ROOT, '.cache')), 'python', 'bin', 'python')

/** The Python whose clients are tried. */
export const PYTHON = existsSync(OWN) ? OWN : 'python3'

/** Whether it has these packages. */
export const hasPython = (...modules: string[]): boolean =>
  spawnSync(PYTHON, ['-c', `import ${modules.join(', ')}`]).status === 0
