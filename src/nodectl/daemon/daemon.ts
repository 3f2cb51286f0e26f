import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { platform } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamError } from '../../errors/error.ts'

/** A program that runs detached and outlives the command that started it, and the two files it leaves. */
export interface DaemonFiles {
  /** Who it is: its process id with the moment that process began. */
  readonly mark: string
  /** What it writes to its output. */
  readonly output: string
}

const MARK_MS = 10_000
const POLL_MS = 50
/** How long each way of ending it may take before the next one is tried. LND writes down much when it is asked kindly. */
const PATIENCE_MS = { asked: 30_000, terminated: 20_000, killed: 10_000 }

/**
 * The process writes its own mark, and only then becomes the program: there is no moment in which it runs and nobody could tell.
 * Its id stays the same, and so does the moment it began.
 */
const BECOME = `set -e
umask 077
boot=; read -r boot < /proc/sys/kernel/random/boot_id || true
born=; read -r born < /proc/$$/stat || born=$(LC_ALL=C ps -o lstart= -p $$)
printf '%s\\n%s\\n%s\\n' "$$" "$boot" "$born" > "$1.new"
mv "$1.new" "$1"
shift
exec "$@"`

/**
 * Starts a program in a session of its own: Ctrl-C in this terminal does not reach it. Resolves when it has left its mark.
 * @throws StreamError `node-failed` (it could not be started)
 */
export async function startDaemon(program: string, args: readonly string[], files: DaemonFiles): Promise<void> {
  rmSync(files.mark, { force: true })
  const output = openSync(files.output, 'a', 0o600)
  const child = spawn('/bin/sh', ['-c', BECOME, 'sh', files.mark, program, ...args], {
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  child.unref()
  let failure: unknown
  child.once('error', (error) => {
    failure = error
  })
  for (const end = Date.now() + MARK_MS; Date.now() < end; await sleep(POLL_MS)) {
    if (readMark(files.mark)?.pid === child.pid) return
    if (failure || child.exitCode !== null) break
  }
  throw new StreamError('node-failed', `${program} could not be started`, { program }, failure)
}

/** Its process id while it runs; `undefined` when it has ended, or when another process was given its id since. */
export function runningDaemon({ mark }: Pick<DaemonFiles, 'mark'>): number | undefined {
  const known = readMark(mark)
  if (!known) return undefined
  const born = birthOf(known.pid)
  return born !== undefined && born === known.born && known.boot === bootId() ? known.pid : undefined
}

/**
 * Ends it and waits until it is gone: by `ask`, else SIGTERM, and SIGKILL when that has not helped. Every signal goes to a process
 * that is still the one that left the mark.
 * @param patience how long each way may take, in ms
 * @returns how it went; `absent` when it did not run
 * @throws StreamError `node-failed` when it stays in spite of all
 */
export async function endDaemon(
  files: Pick<DaemonFiles, 'mark'>,
  ask?: () => Promise<unknown>,
  patience: Readonly<typeof PATIENCE_MS> = PATIENCE_MS,
): Promise<'absent' | 'asked' | 'terminated' | 'killed'> {
  const pid = runningDaemon(files)
  if (pid === undefined) return 'absent'
  if (ask && (await answers(ask, patience.asked)) && (await isGone(files, patience.asked))) return 'asked'
  for (const [signal, way] of [
    ['SIGTERM', 'terminated'],
    ['SIGKILL', 'killed'],
  ] as const) {
    signalDaemon(files, signal)
    if (await isGone(files, patience[way])) return way
  }
  throw new StreamError('node-failed', `process ${pid} does not end`, { pid: `${pid}` })
}

/** Sends it a signal, unless it has ended. */
export function signalDaemon(files: Pick<DaemonFiles, 'mark'>, signal: NodeJS.Signals): void {
  const pid = runningDaemon(files)
  if (pid === undefined) return
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It ended in between.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** It may be stuck and never answer. */
const answers = (ask: () => Promise<unknown>, limitMs: number): Promise<boolean> =>
  Promise.race([
    ask().then(
      () => true,
      () => false,
    ),
    sleep(limitMs, false, { ref: false }),
  ])

async function isGone(files: Pick<DaemonFiles, 'mark'>, limitMs: number): Promise<boolean> {
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(POLL_MS)) {
    if (runningDaemon(files) === undefined) return true
  }
  return false
}

interface Mark {
  readonly pid: number
  readonly boot: string
  readonly born: string
}

function readMark(file: string): Mark | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const [pid = '', boot = '', birth = ''] = text.split('\n')
  const born = isLinux ? readStat(birth) : birth.trim()
  return /^[1-9]\d{0,9}$/.test(pid) && born ? { pid: Number(pid), boot, born } : undefined
}

const isLinux = platform() === 'linux'

/** When a process began, in the system's own words; `undefined` if there is none, or if it has ended and waits to be buried. */
function birthOf(pid: number): string | undefined {
  try {
    if (isLinux) return readStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { env: { ...process.env, LC_ALL: 'C' } })
    return text.toString().trim() || undefined
  } catch {
    return undefined
  }
}

/** Field 22 of proc(5)'s stat: clock ticks from the machine's start to the process's. Its name, field 2, may hold anything. */
export function readStat(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

/** Ticks are counted from the machine's start, so that they mean something only until the next one. */
function bootId(): string {
  try {
    return isLinux ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : ''
  } catch {
    return ''
  }
}
