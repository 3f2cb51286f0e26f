import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

// The process behind `startGuard`. Ctrl-C reaches the whole group: this one stays until its work is done.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('SIGHUP', () => {})

const watched = new Set<number>()
const directories: string[] = []
const KILL_AFTER_MS = 5_000

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const rest = line.slice(1)
    if (line.startsWith('+')) watched.add(Number(rest))
    else if (line.startsWith('-')) watched.delete(Number(rest))
    else directories.push(rest)
  })
  .on('close', () => {
    signalAll('SIGTERM')
    const deadline = Date.now() + KILL_AFTER_MS
    const timer = setInterval(() => {
      for (const pid of watched) if (!signal(pid, 0)) watched.delete(pid)
      if (watched.size > 0 && Date.now() < deadline) return
      clearInterval(timer)
      signalAll('SIGKILL')
      for (const dir of directories) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    }, 100)
  })

function signalAll(name: NodeJS.Signals): void {
  for (const pid of watched) signal(pid, name)
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
