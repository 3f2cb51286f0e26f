import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { startGuard } from '../../lightning-net/guard.ts'

export interface Uvicorn {
  readonly url: string
  close(): Promise<void>
}

export interface UvicornOptions {
  readonly python: string
  /** `MODULE:NAME`, in `folder`. */
  readonly app: string
  readonly folder: string
  /** Where what the app prints goes. */
  readonly stdout: 'ignore' | 'inherit'
  /** Beside this process's own. */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Runs an app with uvicorn on a free port of this machine. It ends with this process.
 * @throws Error where it does not come up, with what it said
 */
export async function startUvicorn({ python, app, folder, stdout, env }: UvicornOptions): Promise<Uvicorn> {
  const args = ['-m', 'uvicorn', app, '--app-dir', folder, '--host', '127.0.0.1', '--port', '0', '--no-access-log']
  const child = spawn(python, args, {
    stdio: ['ignore', stdout, 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env },
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
    async close() {
      child.kill('SIGINT')
      await exited
      guard.end()
    },
  }
}
