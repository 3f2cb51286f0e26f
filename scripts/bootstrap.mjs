#!/usr/bin/env node
// @ts-check
/*
 * Runs a task of this repository from a bare clone: `node scripts/bootstrap.mjs <task> [args]`.
 * It needs no package and runs on any Node since 20, because its work is to get the rest: the packages, and with them the
 * Node 24 that runs the tasks. Whatever it says goes to stderr; stdout belongs to the task, so that `--json` can be piped.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Task → script and its first arguments. Node 24 runs TypeScript as it is, without a build. */
const TASKS = {
  demo: ['src/cli/main.ts', 'demo'],
  streampay: ['src/cli/main.ts'],
  test: ['scripts/test.ts'],
  check: ['scripts/check.ts'],
  lint: ['scripts/lint.ts'],
  build: ['scripts/build.ts'],
  bench: ['bench/main.ts'],
  crowd: ['bench/crowd/main.ts'],
  market: ['bench/market/main.ts'],
  hostile: ['test/hostile/main.ts'],
  soak: ['test/soak/main.ts'],
  networks: ['test/networks/main.ts'],
  mutation: ['scripts/mutation.ts'],
  'example:download': ['examples/download/main.ts'],
  'example:websocket': ['examples/websocket/main.ts'],
  'example:model': ['examples/model/paid.ts'],
  'example:video': ['examples/video/watch.ts'],
  'example:fastapi': ['examples/fastapi/paid.ts'],
  vectors: ['scripts/make-vectors.ts'],
  'error-table': ['scripts/make-error-table.ts'],
  'options-table': ['scripts/make-options-table.ts'],
  conformance: ['test/conformance/main.ts'],
  'conformance-page': ['scripts/make-conformance-page.ts'],
}

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const at = (/** @type {string[]} */ ...parts) => path.join(root, ...parts)
const say = (/** @type {string} */ text) => process.stderr.write(`${text}\n`)

/** @param {string} text @returns {never} */
function fail(text) {
  say(text)
  process.exit(1)
}

/** What npm recorded for each package: path → version. @param {string} file @returns {Record<string, any>} */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return {}
  }
}

/** Whether node_modules holds what package-lock.json asks for, by npm's own record of what it installed. */
function installed() {
  const wanted = lockedPackages(at('package-lock.json'))
  const present = lockedPackages(at('node_modules/.package-lock.json'))
  return Object.entries(wanted).every(
    ([name, { version, optional, link }]) => name === '' || optional || link || present[name]?.version === version,
  )
}

async function install() {
  const started = Date.now()
  say(`${existsSync(at('node_modules')) ? 'The packages have changed' : 'First run'}: installing packages with npm …`)
  // npm repeats the engine check for every package that wants a newer Node than the one that started this; the tasks run on
  // Node 24, so those warnings are wrong here. Errors still show, also under `npm run -s`, which would hide them.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error']
  const cli = process.env.npm_execpath
  const ticking = setInterval(() => say(`… ${Math.round((Date.now() - started) / 1000)} s`), 10_000)
  const stdio = /** @type {const} */ (['ignore', 2, 2])
  const code = await (cli ? run(process.execPath, [cli, ...args], root, stdio) : run('npm', args, root, stdio))
  clearInterval(ticking)
  if (code > 128) process.exit(code)
  if (code !== 0) fail(`npm could not install the packages (exit ${code}). Its message is above; try \`npm ci\`.`)
  say(`Packages installed in ${Math.round((Date.now() - started) / 1000)} s.`)
}

/** The newest of the Node that came with the packages and the one that runs this; undefined if neither runs TypeScript. */
function findNode() {
  const packaged = ['node_modules/node/bin/node', 'node_modules/.bin/node', 'node_modules/node/bin/node.exe']
  const found = packaged.map((file) => at(file)).find((file) => existsSync(file))
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return found ?? (major > 22 || (major === 22 && minor >= 18) ? process.execPath : undefined)
}

/**
 * Runs a child to its end with this process's signals passed on, and resolves to its exit code (128 + n for signal n).
 * @param {string} command @param {string[]} args @param {string} cwd
 * @param {'inherit' | readonly ['ignore', 2, 2]} stdio @returns {Promise<number>}
 */
function run(command, args, cwd, stdio) {
  // Windows finds npm only through its shell.
  const shell = process.platform === 'win32' && command === 'npm'
  const child = spawn(command, args, { cwd, stdio: stdio === 'inherit' ? stdio : [...stdio], shell })
  const pass = (/** @type {NodeJS.Signals} */ signal) => {
    // A terminal sends Ctrl-C to every process in the foreground: passing it on would make the child see two.
    if (signal === 'SIGINT' && process.stdin.isTTY) return
    child.kill(signal)
  }
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])
  for (const signal of signals) process.on(signal, pass)
  return new Promise((resolve) => {
    const end = (/** @type {number} */ code) => {
      for (const signal of signals) process.off(signal, pass)
      resolve(code)
    }
    child.on('error', (error) => {
      say(error.message)
      end(127)
    })
    child.on('exit', (code, signal) => end(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}

const [task = '', ...rest] = process.argv.slice(2)
if (!Object.hasOwn(TASKS, task)) {
  say(`usage: node scripts/bootstrap.mjs <task> [arguments]\ntasks: ${Object.keys(TASKS).join(', ')}`)
  process.exit(2)
}
if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node ${process.versions.node} is too old to begin with: install Node 20 or newer (https://nodejs.org).`)
}
if (!installed()) await install()
const node = findNode()
if (!node) {
  fail(
    'The package `node` brought no binary: is npm set to ignore install scripts?\n' +
      'Run `npm rebuild node --ignore-scripts=false`, or use Node 24.',
  )
}
// A seller serves pages, which browsers take as JavaScript.
if (task === 'streampay' && rest[0] === 'sell') {
  const code = await run(node, [at('scripts/web/ensure.ts')], root, ['ignore', 2, 2])
  if (code !== 0) process.exit(code)
}
const [script = '', ...first] = TASKS[/** @type {keyof typeof TASKS} */ (task)]
// The command writes files where its user stands; npm tells where that was.
const cwd = task === 'streampay' ? (process.env.INIT_CWD ?? process.cwd()) : root
process.exitCode = await run(node, [at(script), ...first, ...rest], cwd, 'inherit')
