import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { StreamError } from '../errors/error.ts'

/** Where a user's nodes, ledgers and journals are kept: `STREAMPAY_HOME`, or `streampay` among the user's data. */
export function stateHome(env: NodeJS.ProcessEnv = process.env): string {
  return env.STREAMPAY_HOME ?? join(env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'streampay')
}

/** A folder below the state, made readable by its owner alone. */
export function stateFolder(...parts: string[]): string {
  const folder = join(...parts)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new StreamError('ledger-failed', `cannot make the folder ${folder}`, { folder }, error)
  }
  return folder
}

/** A secret that is the same at every start: read from the file, or made there, mode 0600. */
export function keptSecret(file: string): Uint8Array {
  try {
    writeFileSync(file, randomBytes(32), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new StreamError('ledger-failed', `cannot write ${file}`, { file }, error)
    }
  }
  const secret = readFileSync(file)
  if (secret.length !== 32) throw new StreamError('ledger-failed', `${file} is not a secret of 32 bytes`, { file })
  return new Uint8Array(secret)
}
