import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import path from 'node:path'

export const ROOT = path.join(import.meta.dirname, '..', '..')

/**
 * Runs a script with this same Node, at the root of the repository and with its output shown.
 * Resolves to the exit code: 128 + n if signal n ended it.
 * @example await runNode(['node_modules/vitest/vitest.mjs', 'run'])
 */
export function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<number> {
  const child = spawn(process.execPath, [...args], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  })
  // A terminal signals the whole group by itself; elsewhere only this process is told, and must not leave the child behind.
  const pass = (signal: NodeJS.Signals) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    process.exitCode = 128 + constants.signals[signal]
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, pass)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, pass)
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}
