import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StreamError } from '../errors/error.ts'
import { storageTrouble } from '../errors/storage.ts'
import type { EarlierSecret } from '../seller/keyring.ts'

export { stateHome } from '../nodectl/home.ts'

/** A folder below the state, made readable by its owner alone. */
export function stateFolder(...parts: string[]): string {
  const folder = join(...parts)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw failed('cannot make the folder', folder, error)
  }
  return folder
}

/** A secret that is the same at every start: read from the file, or made there, mode 0600. */
export function keptSecret(file: string): Uint8Array {
  if (!existsSync(file)) makeSecret(file)
  return readSecret(file)
}

/** Whole under its name or not there at all, also where the process is killed meanwhile. Of several that make it at once the first one's stays. */
function makeSecret(file: string): void {
  const draft = `${file}-${randomBytes(8).toString('hex')}`
  try {
    writeFileSync(draft, randomBytes(32), { mode: 0o600, flag: 'wx', flush: true })
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw failed('cannot write', file, error)
  } finally {
    rmSync(draft, { force: true })
  }
}

/**
 * The secrets of a folder that its owner has put aside: `secret`, renamed to `secret.earlier`, is one of them from the next start on, and gets the time of that,
 * in seconds since 1970, into its name. To be called before `keptSecret`, which makes another in its place.
 */
export function earlierSecrets(folder: string, nowMs = Date.now()): EarlierSecret[] {
  const fresh = join(folder, 'secret.earlier')
  try {
    if (existsSync(fresh)) renameSync(fresh, `${fresh}-${Math.ceil(nowMs / 1000)}`)
  } catch (error) {
    throw failed('cannot rename', fresh, error)
  }
  return readdirSync(folder).flatMap((name) => {
    const seconds = /^secret\.earlier-(\d{1,11})$/.exec(name)?.[1]
    if (seconds === undefined) return []
    return [{ secret: readSecret(join(folder, name)), replacedAtMs: Number(seconds) * 1000 }]
  })
}

function readSecret(file: string): Uint8Array {
  const secret = readFileSync(file)
  if (secret.length !== 32) throw new StreamError('ledger-failed', `${file} is not a secret of 32 bytes`, { file })
  return new Uint8Array(secret)
}

function failed(what: string, path: string, cause: unknown): StreamError {
  const reason = storageTrouble(cause)?.reason ?? (cause as Error).message
  return new StreamError('ledger-failed', `${what} ${path}: ${reason}`, { path }, cause)
}
