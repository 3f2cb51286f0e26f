import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** Where programs of this user find the running process, and what opens it. */
export interface ProxyState {
  readonly url: string
  readonly pid: number
  /** The owner's token. */
  readonly token: string
}

const ANSWER_MS = 1000

/**
 * Writes the state file, mode 0600, in one step. Another process that listens already keeps its own.
 * @returns what takes it away at the end; `undefined` if another one is found there
 */
export async function writeState(file: string, state: ProxyState): Promise<(() => void) | undefined> {
  const other = readState(file)
  if (other && other.pid !== state.pid && (await answers(other))) return undefined
  const made = `${file}.${state.pid}`
  writeFileSync(made, `${JSON.stringify(state)}\n`, { mode: 0o600 })
  renameSync(made, file)
  return () => {
    if (readState(file)?.token === state.token) rmSync(file, { force: true })
  }
}

function readState(file: string): ProxyState | undefined {
  try {
    const { url, pid, token } = JSON.parse(readFileSync(file, 'utf8'))
    return typeof url === 'string' && typeof pid === 'number' && typeof token === 'string'
      ? { url, pid, token }
      : undefined
  } catch {
    return undefined
  }
}

/** One that was killed leaves its file, and its number may be another process's by now: it is asked. */
async function answers({ url, pid }: ProxyState): Promise<boolean> {
  try {
    const response = await fetch(`${url}/.streampay/health`, { signal: AbortSignal.timeout(ANSWER_MS) })
    return ((await response.json()) as { pid?: number }).pid === pid
  } catch {
    return false
  }
}
