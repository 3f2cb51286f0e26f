import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startGuard } from './guard.ts'

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

/** Where the programs are kept: one folder for every state of go.mod and go.sum, so that a change of version rebuilds. */
export function binariesDir(): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(HERE, file)))
  const cache = process.env.STREAMPAY_CACHE || join(HERE, '..', '.cache')
  return resolve(cache, 'lightning-net', hash.digest('hex').slice(0, 16), 'bin')
}

/** Paths of the built programs; `undefined` if one is missing. */
export function builtBinaries(): Binaries | undefined {
  const dir = binariesDir()
  const binaries = { lnd: join(dir, 'lnd'), lncli: join(dir, 'lncli'), btcd: join(dir, 'btcd') }
  return Object.values(binaries).every((path) => existsSync(path)) ? binaries : undefined
}

/** Whether there is a Go that can build the programs, and the reason if not. */
export function hasGo(): Availability {
  const needed = /^go (\d+)\.(\d+)/m.exec(readFileSync(join(HERE, 'go.mod'), 'utf8'))!
  const wanted = `Go ${needed[1]}.${needed[2]} or newer`
  // Outside this folder: inside it an old Go would first download the version that go.mod names.
  const answer = spawnSync('go', ['env', 'GOVERSION'], { cwd: dirname(process.execPath), encoding: 'utf8' })
  if (answer.error) return { ok: false, reason: `${wanted} is needed to build LND, and there is no \`go\` on the PATH` }
  const found = /^go(\d+)\.(\d+)/.exec(answer.stdout.trim())
  if (!found) return { ok: false, reason: `${wanted} is needed to build LND; \`go env GOVERSION\` gave no version` }
  const newEnough =
    Number(found[1]) > Number(needed[1]) ||
    (Number(found[1]) === Number(needed[1]) && Number(found[2]) >= Number(needed[2]))
  if (!newEnough) return { ok: false, reason: `${wanted} is needed to build LND, here is ${answer.stdout.trim()}` }
  return { ok: true, detail: answer.stdout.trim() }
}

/** Whether a network can be started here: the programs are built, or can be. */
export const canRun = (): Availability => (builtBinaries() ? { ok: true, detail: binariesDir() } : hasGo())

/**
 * Builds lnd, lncli and btcd, unless that was done. The first time takes about six minutes on two cores and a few
 * hundred megabytes of downloads from the Go module proxy; with a warm Go cache it takes seconds.
 * @param onProgress is told what is going on, about once a second; prints to stderr when absent
 */
export async function buildBinaries(onProgress: (line: string) => void = printer()): Promise<Binaries> {
  const built = builtBinaries()
  if (built) return built
  const go = hasGo()
  if (!go.ok) throw new Error(go.reason)
  const dir = binariesDir()
  const unfinished = `${dir}.${process.pid}`
  await mkdir(unfinished, { recursive: true })
  try {
    await goBuild(unfinished, go.detail, onProgress)
    // Renamed when complete: a build that was interrupted is never taken for a whole one.
    await rename(unfinished, dir).catch((error) => {
      if (!builtBinaries()) throw error
    })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return builtBinaries()!
}

async function goBuild(out: string, version: string, onProgress: (line: string) => void): Promise<void> {
  const started = Date.now()
  const guard = startGuard()
  const args = ['build', '-v', '-trimpath', '-buildvcs=false', `-tags=${TAGS}`, '-ldflags=-s -w', '-o', `${out}/`]
  const go = spawn('go', [...args, ...Object.values(PROGRAMS)], { cwd: HERE, stdio: ['ignore', 'ignore', 'pipe'] })
  if (go.pid) guard.watch(go.pid)
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
    if (code !== 0) throw new Error(`go build failed:\n${tail.join('\n')}`)
    now = 'done'
    report()
  } finally {
    clearInterval(timer)
    if (go.pid) guard.forget(go.pid)
    guard.end()
  }
}

const clock = (ms: number): string =>
  `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`

/** One line that is rewritten on a terminal; elsewhere, such as in CI, a new line every ten seconds. */
export function printer(): (line: string) => void {
  let last = 0
  return (line) => {
    const width = process.stderr.columns ?? 120
    if (process.stderr.isTTY)
      process.stderr.write(`\r\x1b[2K${line.slice(0, width - 1)}${/done$/.test(line) ? '\n' : ''}`)
    else if (Date.now() - last >= 10_000 || /done$/.test(line)) {
      last = Date.now()
      process.stderr.write(`${line}\n`)
    }
  }
}
