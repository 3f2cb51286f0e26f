import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A tick of the kernel's clock for processes. */
const TICK_MS = 10

/** The CPU time that a process has used, in ms (proc(5), utime and stime). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** The share of one core that a process uses over this time: 1 is a whole one. */
export async function load(pid: number, overMs: number): Promise<number> {
  const [before, startedAtMs] = [cpuMs(pid), performance.now()]
  await sleep(overMs)
  return (cpuMs(pid) - before) / (performance.now() - startedAtMs)
}
