import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { StreamError } from '../../errors/error.ts'
import { isAlive } from '../daemon/alive.ts'
import { stateHome } from '../home.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const PROGRAMS = {
  lnd: 'github.com/lightningnetwork/lnd/cmd/lnd',
  lncli: 'github.com/lightningnetwork/lnd/cmd/lncli',
  btcd: 'github.com/btcsuite/btcd',
} as const
/** LND leaves its sub-servers out without their tags; the neutrino and invoice ones are used here. */
const TAGS =
  'autopilotrpc signrpc walletrpc chainrpc invoicesrpc watchtowerrpc neutrinorpc monitoring peersrpc kvdb_sqlite kvdb_postgres'

export type Program = keyof typeof PROGRAMS
export type Binaries = Readonly<Record<Program, string>>
export type Availability =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly reason: string }
/** Told what is going on, for people who wait: a line about once a second. */
export type OnProgress = (line: string) => void

type Env = NodeJS.ProcessEnv

/** Where the programs are kept: one folder for every state of go.mod and go.sum, so that a change of version rebuilds. */
export function binariesDir(env: Env = process.env): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(HERE, file)))
  return resolve(cacheDir(env), 'lightning-net', hash.digest('hex').slice(0, 16), 'bin')
}

/** Sources keep theirs beside them. A package does not: what is in `node_modules` goes with the next installation. */
function cacheDir(env: Env): string {
  if (env.STREAMPAY_CACHE) return env.STREAMPAY_CACHE
  return import.meta.url.endsWith('.ts') ? join(HERE, '..', '..', '..', '.cache') : join(stateHome(env), 'cache')
}

/** Paths of the built programs; `undefined` if one is missing. */
export function builtBinaries(env: Env = process.env): Binaries | undefined {
  const dir = binariesDir(env)
  const binaries = { lnd: join(dir, 'lnd'), lncli: join(dir, 'lncli'), btcd: join(dir, 'btcd') }
  return Object.values(binaries).every((path) => existsSync(path)) ? binaries : undefined
}

/** Whether there is a Go that can build the programs, and the reason if not. */
export function hasGo(env: Env = process.env): Availability {
  const needed = /^go (\d+)\.(\d+)/m.exec(readFileSync(join(HERE, 'go.mod'), 'utf8'))!
  const wanted = `Go ${needed[1]}.${needed[2]} or newer`
  // Outside this folder: inside it an old Go would first download the version that go.mod names.
  const answer = spawnSync('go', ['env', 'GOVERSION'], { cwd: dirname(process.execPath), encoding: 'utf8', env })
  if (answer.error) return { ok: false, reason: `${wanted} is needed to build LND, and there is no \`go\` on the PATH` }
  const found = /^go(\d+)\.(\d+)/.exec(answer.stdout.trim())
  if (!found) return { ok: false, reason: `${wanted} is needed to build LND; \`go env GOVERSION\` gave no version` }
  const newEnough =
    Number(found[1]) > Number(needed[1]) ||
    (Number(found[1]) === Number(needed[1]) && Number(found[2]) >= Number(needed[2]))
  if (!newEnough) return { ok: false, reason: `${wanted} is needed to build LND, here is ${answer.stdout.trim()}` }
  return { ok: true, detail: answer.stdout.trim() }
}

/** Whether the programs are built, or can be. */
export const canRun = (env: Env = process.env): Availability =>
  builtBinaries(env) ? { ok: true, detail: binariesDir(env) } : hasGo(env)

/**
 * Builds lnd, lncli and btcd, unless that was done. The first time takes about six minutes on two cores and a few
 * hundred megabytes of downloads from the Go module proxy; with a warm Go cache it takes seconds.
 * @throws StreamError `program-missing` (no Go), `program-build-failed`
 */
export async function buildBinaries(onProgress: OnProgress = () => {}, env: Env = process.env): Promise<Binaries> {
  const built = builtBinaries(env)
  if (built) return built
  const go = hasGo(env)
  if (!go.ok) throw new StreamError('program-missing', go.reason, { program: 'go' })
  const dir = binariesDir(env)
  await removeAbandoned(dir)
  const unfinished = `${dir}.${process.pid}`
  await mkdir(unfinished, { recursive: true })
  try {
    await goBuild(unfinished, go.detail, onProgress, env)
    // Renamed when complete: a build that was interrupted is never taken for a whole one.
    await rename(unfinished, dir).catch((error) => {
      if (!builtBinaries(env)) throw error
    })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return builtBinaries(env)!
}

/** What builds left that were killed: folders named after a process that is gone. */
async function removeAbandoned(dir: string): Promise<void> {
  const parent = dirname(dir)
  const left = existsSync(parent) ? readdirSync(parent) : []
  for (const name of left) {
    const [, pid] = new RegExp(`^${basename(dir)}\\.(\\d+)$`).exec(name) ?? []
    if (pid && !isAlive(Number(pid))) await rm(join(parent, name), { recursive: true, force: true })
  }
}

/** No guard is needed: Go ends by SIGPIPE at its next line when the process that reads its lines is gone. */
async function goBuild(out: string, version: string, onProgress: OnProgress, env: Env): Promise<void> {
  const started = Date.now()
  const args = ['build', '-v', '-trimpath', '-buildvcs=false', `-tags=${TAGS}`, '-ldflags=-s -w', '-o', `${out}/`]
  const go = spawn('go', [...args, ...Object.values(PROGRAMS)], {
    cwd: HERE,
    stdio: ['ignore', 'ignore', 'pipe'],
    // A workspace of the folders above would be used otherwise.
    env: { ...env, GOWORK: 'off' },
  })
  let compiled = 0
  let now = 'looking up modules'
  const tail: string[] = []
  // `-v` names every package as its compilation starts, and nothing that comes from Go's cache.
  createInterface({ input: go.stderr }).on('line', (line) => {
    tail.push(line)
    if (tail.length > 20) tail.shift()
    if (line.startsWith('go: downloading')) now = line.slice('go: '.length)
    else if (/^\S+$/.test(line)) {
      compiled++
      now = line
    }
  })
  const report = (): void =>
    onProgress(
      `building lnd, lncli and btcd with ${version}: ${clock(Date.now() - started)}, ${compiled} packages, ${now}`,
    )
  report()
  const timer = setInterval(report, 1000)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      go.on('error', reject)
      go.on('close', resolve)
    })
    if (code !== 0) throw new StreamError('program-build-failed', `go build failed:\n${tail.join('\n')}`)
    now = 'done'
    report()
  } finally {
    clearInterval(timer)
  }
}

const clock = (ms: number): string =>
  `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`
