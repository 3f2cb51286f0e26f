import { readFileSync } from 'node:fs'

/** Of the kernel's clock for processes, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** How many cores some processes keep busy, between two moments. Linux tells; elsewhere it is `undefined`. */
export class CpuMeter {
  readonly #pids: Readonly<Record<string, readonly number[]>>
  #before: Readonly<Record<string, number>> = {}
  #atMs = 0

  constructor(pids: Readonly<Record<string, readonly number[]>>) {
    this.#pids = pids
  }

  start(): void {
    this.#before = this.#used()
    this.#atMs = performance.now()
  }

  /** Cores, by name. */
  stop(): Readonly<Record<string, number>> {
    const seconds = (performance.now() - this.#atMs) / 1000
    const cores = Object.entries(this.#used()).map(([name, used]) => {
      const busy = (used - (this.#before[name] ?? 0)) / seconds
      return [name, Math.round(busy * 100) / 100] as const
    })
    return Object.fromEntries(cores)
  }

  #used(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      Object.entries(this.#pids).map(([name, pids]) => [name, pids.reduce((sum, pid) => sum + secondsOf(pid), 0)]),
    )
  }
}

function secondsOf(pid: number): number {
  try {
    // The name in the second field may hold blanks: what follows its bracket is counted from the third.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}
