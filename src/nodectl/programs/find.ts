import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { buildBinaries, builtBinaries, hasGo, type OnProgress } from './build.ts'
import { isAtLeast, LEAST, readVersion, writeVersion } from './version.ts'

export interface ProgramSearch {
  /** Where the user says it is; nothing else is looked at then. */
  readonly path?: string
  readonly env: NodeJS.ProcessEnv
  /** Told what is going on, about once a second while it builds. */
  readonly onProgress?: OnProgress
}

export interface FoundProgram {
  /** Absolute. */
  readonly path: string
  /** `0.21.0`. */
  readonly version: string
  readonly from: 'path' | 'PATH' | 'built'
}

/** A large program on a busy machine takes its time to load. */
const VERSION_MS = 60_000

type Wanted = keyof typeof LEAST

/**
 * Finds an `lnd` to run: where `path` says, on the PATH, what was built before, or else builds one with Go (six minutes, once).
 * One on the PATH that is too old is passed over, and `onProgress` is told.
 * @throws StreamError `program-missing`, `program-unfit` (what `path` names is no lnd, or too old), `program-build-failed`
 * @example const { path, version } = await findLnd({ env: process.env, onProgress: output.say })
 */
export const findLnd = (search: ProgramSearch): Promise<FoundProgram> => find('lnd', search)

/** The same for `btcd`, the full node of private chains. */
export const findBtcd = (search: ProgramSearch): Promise<FoundProgram> => find('btcd', search)

async function find(name: Wanted, { path, env, onProgress = () => {} }: ProgramSearch): Promise<FoundProgram> {
  if (path !== undefined) return { ...(await examine(name, resolve(path))), from: 'path' }
  const onPath = lookUp(name, env.PATH ?? '')
  if (onPath !== undefined) {
    try {
      return { ...(await examine(name, onPath)), from: 'PATH' }
    } catch (error) {
      onProgress(`${(error as Error).message}; looking further`)
    }
  }
  const built = builtBinaries(env)
  if (!built) {
    const go = hasGo(env)
    if (!go.ok) {
      throw new StreamError('program-missing', `there is no fit ${name} on the PATH, and ${go.reason}`, {
        program: name,
      })
    }
  }
  const binaries = built ?? (await buildBinaries(onProgress, env))
  return { ...(await examine(name, binaries[name])), from: 'built' }
}

/** The first file of that name on the PATH that may be run. */
function lookUp(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => resolve(join(folder, name)))
    .find(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

async function examine(name: Wanted, path: string): Promise<Pick<FoundProgram, 'path' | 'version'>> {
  const unfit = (why: string): StreamError =>
    new StreamError('program-unfit', `${path} ${why}`, { program: name, path })
  if (!isProgram(path)) throw unfit('is not a program that can be run')
  const version = readVersion(name, await sayVersion(path))
  if (!version) throw unfit(`does not say that it is ${name}`)
  const least = LEAST[name]
  if (!isAtLeast(version, least)) {
    throw unfit(`is ${name} ${writeVersion(version)}; ${writeVersion(least)} or newer is needed`)
  }
  return { path, version: writeVersion(version) }
}

/** Whatever it says; nothing if it does not run or does not end. */
const sayVersion = (path: string): Promise<string> =>
  new Promise((done) => {
    execFile(path, ['--version'], { timeout: VERSION_MS, killSignal: 'SIGKILL', maxBuffer: 100_000 }, (_, stdout) =>
      done(stdout),
    )
  })
