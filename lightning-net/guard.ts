import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Ends processes when the one that started them is gone, however it went. */
export interface Guard {
  watch(pid: number): void
  /** To be called when a process has ended: its number may be given to another. */
  forget(pid: number): void
  /** A directory to remove afterwards. */
  clear(dir: string): void
  /** Everything is stopped; the guard goes too. */
  end(): void
}

/**
 * Starts a small process that holds the other end of a pipe. The pipe closes when this process ends, even by SIGKILL;
 * then the guard ends what it watches: SIGTERM, and after five seconds SIGKILL.
 * Directories that were only for them go last.
 */
export function startGuard(): Guard {
  const script = fileURLToPath(new URL('./guardMain.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'ignore', 'ignore'] })
  // Neither the process nor the pipe may keep this one alive.
  child.unref()
  const pipe = child.stdin as typeof child.stdin & { unref(): void }
  pipe.unref()
  pipe.on('error', () => {})
  const tell = (line: string): void => {
    if (pipe.writable) pipe.write(line)
  }
  return {
    watch: (pid) => tell(`+${pid}\n`),
    forget: (pid) => tell(`-${pid}\n`),
    clear: (dir) => tell(`d${dir}\n`),
    end: () => pipe.end(),
  }
}
