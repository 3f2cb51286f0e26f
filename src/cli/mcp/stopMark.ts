import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { stateFolder, stateHome } from '../state.ts'

/** That spending by agents is stopped, since when and why. It outlasts processes: starting another server is no way around it. */
export interface Stop {
  readonly at: string
  readonly reason: string
}

const MAX_REASON = 200
const file = (): string => join(stateFolder(stateHome(), 'buyer'), 'mcp-stopped.json')

/** What is there and cannot be read is a stop too. */
export function readStop(): Stop | undefined {
  let text: string
  try {
    text = readFileSync(file(), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    return { at: '', reason: 'whether it is stopped cannot be read' }
  }
  try {
    const { at, reason } = JSON.parse(text) as Stop
    return { at: `${at}`, reason: `${reason}` }
  } catch {
    return { at: '', reason: '' }
  }
}

/** The first stop stays. @throws StreamError `ledger-failed` */
export function writeStop(reason: string): Stop {
  const stop = { at: new Date().toISOString(), reason: reason.slice(0, MAX_REASON) }
  try {
    writeFileSync(file(), `${JSON.stringify(stop)}\n`, { mode: 0o600, flag: 'wx' })
    return stop
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return readStop() ?? stop
    throw new StreamError(
      'ledger-failed',
      `that spending is stopped cannot be written: ${(error as Error).message}`,
      {},
      error,
    )
  }
}

/** Whether there was one. */
export function clearStop(): boolean {
  const stopped = readStop() !== undefined
  rmSync(file(), { force: true })
  return stopped
}
