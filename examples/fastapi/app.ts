import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startUvicorn } from './uvicorn.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
/** Where a build machine puts the Python packages; see `.ci/run`. */
const OWN_PYTHON = join(resolve(process.env.STREAMPAY_CACHE || join(HERE, '..', '..', '.cache')), 'python/bin/python')
const python = existsSync(OWN_PYTHON) ? OWN_PYTHON : 'python3'

export interface App {
  readonly url: string
  /** What the app tells of itself: tokens computed since it began, and answers at work. */
  state(): Promise<{ readonly computed: number; readonly running: number }>
  close(): Promise<void>
}

/** Whether the app runs here; else the reason. */
export function fastapiAvailable(): true | string {
  if (spawnSync(python, ['-c', 'import fastapi, uvicorn'], { stdio: 'ignore' }).status === 0) return true
  return 'there is no Python here with fastapi and uvicorn: python3 -m pip install -r examples/fastapi/requirements.txt'
}

/**
 * Runs the app with uvicorn on a free port of this machine, as its author would. It ends with this process.
 * @throws Error where it does not come up, with what it said
 */
export async function startApp(): Promise<App> {
  const { url, close } = await startUvicorn({ python, app: 'app:app', folder: HERE, stdout: 'inherit' })
  return {
    url,
    state: async () => (await (await fetch(`${url}/state`)).json()) as { computed: number; running: number },
    close,
  }
}
