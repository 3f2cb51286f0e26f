import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { copyAssets } from '../../scripts/run/assets.ts'
import { ROOT } from '../../scripts/run/child.ts'
import { bundleBrowser, bundleWeb } from '../../scripts/web/bundle.ts'

const run = promisify(execFile)

export interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
  readonly files: readonly string[]
}

export interface Packed {
  readonly tarball: string
  /** Bytes, compressed. */
  readonly size: number
  readonly files: ReadonlyArray<{ readonly path: string; readonly size: number }>
}

export const manifest: Manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
/** The judge of types explains itself at length. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc')

/** Builds and packs the package as `npm publish` would, away from the tree, so that a `dist/` in use stays as it is. */
export async function packPackage(dir: string): Promise<Packed> {
  const stage = path.join(dir, 'stage')
  mkdirSync(stage)
  const project = path.join(ROOT, 'tsconfig.build.json')
  await run(process.execPath, [TSC, '-p', project, '--outDir', path.join(stage, 'dist')])
  copyAssets(path.join(stage, 'dist'))
  await bundleBrowser(path.join(stage, 'dist', 'browser'))
  await bundleWeb(path.join(stage, 'web', 'dist'))
  const present = new Set(readdirSync(ROOT))
  for (const name of ['package.json', ...manifest.files]) {
    if (!name.endsWith('dist') && present.has(name))
      cpSync(path.join(ROOT, name), path.join(stage, name), { recursive: true })
  }
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: stage })
  const [{ filename, size, files }] = JSON.parse(stdout)
  return { tarball: path.join(dir, filename), size, files }
}

/**
 * A folder in which the package is installed from its tarball. Its dependencies are links to the ones installed here:
 * nothing is fetched, and what `package.json` does not name cannot be imported.
 */
export async function installPackage(tarball: string, folder: string): Promise<void> {
  const modules = path.join(folder, 'node_modules')
  const target = path.join(modules, 'streampay')
  mkdirSync(target, { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'])
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true })
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name), 'dir')
  }
  cpSync(path.join(import.meta.dirname, 'fixtures'), folder, { recursive: true })
}

/** The compiler's complaints about a file in `folder`, and about the package's own declarations. */
export async function compile(folder: string, file: string, options: readonly string[]): Promise<string[]> {
  const strict = [
    '--strict',
    '--noEmit',
    '--target',
    'es2024',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
  ]
  const output = await run(process.execPath, [TSC, ...strict, ...options, file], { cwd: folder }).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  )
  // Declarations of other packages are read too, but what is wrong in them is theirs.
  return output.split('\n').filter((line) => /^(?:node_modules\/streampay\/|[^/]+\.ts\()/.test(line))
}

/** Runs a program with this Node. Resolves to its stdout. @throws Error with all that it printed, if it fails */
export async function runIn(folder: string, args: readonly string[]): Promise<string> {
  const ran = await run(process.execPath, [...args], { cwd: folder, maxBuffer: MAX_OUTPUT_BYTES }).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`)
  })
  return ran.stdout
}
