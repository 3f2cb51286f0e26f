import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startGuard } from '../../lightning-net/guard.ts'

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
  const args = ['-m', 'uvicorn', 'app:app', '--app-dir', HERE, '--host', '127.0.0.1', '--port', '0', '--no-access-log']
  const child = spawn(python, args, {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  const guard = startGuard()
  if (child.pid) guard.watch(child.pid)
  const exited = new Promise<void>((done) => child.once('close', () => done()))
  const said: string[] = []
  const url = await new Promise<string>((found, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (said.length < 50) said.push(line)
      const address = /running on (http:\/\/[\d.:]+)/.exec(line)?.[1]
      if (address) found(address)
    })
    child.once('error', reject)
    child.once('close', () => reject(new Error(`uvicorn ended: ${said.join('\n')}`)))
  })
  return {
    url,
    state: async () => (await (await fetch(`${url}/state`)).json()) as { computed: number; running: number },
    close: () => {
      child.kill('SIGINT')
      return exited
    },
  }
}
