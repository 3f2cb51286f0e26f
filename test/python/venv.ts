import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT } from '../../scripts/run/child.ts'

export const PACKAGE = join(ROOT, 'python')
/** What the package's own tests need, and what builds it. */
const TOOLS = ['httpx>=0.25,<1', 'hatchling>=1.18', 'pytest>=8', 'mypy>=1.10', 'build>=1']
const OLDEST = [3, 10]
const PATIENCE_MS = 300_000

export interface Done {
  readonly code: number | null
  readonly output: string
}

const optionsOf = (cwd: string, timeoutMs: number) =>
  ({
    cwd,
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 64 << 20,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
  }) as const

export function run(program: string, args: readonly string[], cwd: string = PACKAGE): Done {
  const { status, stdout, stderr, error } = spawnSync(program, args, optionsOf(cwd, PATIENCE_MS))
  return { code: status, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` }
}

/** For minutes: whoever runs the tests hears of them meanwhile. */
export function runLong(program: string, args: readonly string[], timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, optionsOf(PACKAGE, timeoutMs), (error, stdout, stderr) =>
      resolve(`${stdout}${stderr}${error?.message ?? ''}`),
    )
  })
}

type Environment = { readonly python: string } | { readonly missing: string }

/** The Python of an environment that has the tools, made where there is none yet; or why there is none. */
export function pythonWithTools(): Environment {
  const version = run('python3', ['-c', 'import sys; print(*sys.version_info[:2])'], ROOT)
  if (version.code !== 0) return { missing: 'there is no python3 here' }
  const [major = 0, minor = 0] = version.output.trim().split(' ').map(Number)
  if (major < OLDEST[0]! || (major === OLDEST[0] && minor < OLDEST[1]!)) {
    return { missing: `python3 is ${major}.${minor}, and the package takes ${OLDEST.join('.')}` }
  }
  // Kept from one run to the next: the tools are the same ones, and come from far.
  const cache = resolve(process.env.STREAMPAY_CACHE || join(ROOT, '.cache'))
  const folder = join(cache, `python-package-${major}.${minor}`)
  const python = join(folder, 'bin', 'python')
  const hasTools = () =>
    existsSync(python) && run(python, ['-c', 'import httpx, hatchling, pytest, mypy, build']).code === 0
  if (!hasTools()) {
    mkdirSync(cache, { recursive: true })
    rmSync(folder, { recursive: true, force: true })
    const made = run('python3', ['-m', 'venv', folder])
    const installed = made.code === 0 ? run(python, ['-m', 'pip', 'install', '-q', ...TOOLS]) : made
    if (!hasTools()) {
      rmSync(folder, { recursive: true, force: true })
      return { missing: `no environment could be made: ${lastLine(installed.output)}` }
    }
  }
  return { python }
}

/** The same with the package, installed from its folder as it is now. */
export function pythonWithPackage(): Environment {
  const environment = pythonWithTools()
  if ('missing' in environment) return environment
  const { python } = environment
  // Nothing has to be fetched for this.
  const args = [
    '-m',
    'pip',
    'install',
    '-q',
    '--no-deps',
    '--no-index',
    '--no-build-isolation',
    '--force-reinstall',
    PACKAGE,
  ]
  const { code, output } = run(python, args)
  if (code !== 0) throw new Error(`pip cannot install the package from its folder:\n${output}`)
  return { python }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''
