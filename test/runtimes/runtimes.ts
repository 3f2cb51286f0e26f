import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT } from '../../scripts/run/child.ts'

/** Where `.ci/run` puts runtimes that the machine lacks. */
const OWN = join(resolve(process.env.STREAMPAY_CACHE || join(ROOT, '.cache')), 'runtimes', 'node_modules')

/** A runtime that programs of the package are run in. */
export interface Runtime {
  /** As people call it, with its version where it is there. */
  readonly title: string
  /** The program and its first arguments. Empty where it is missing. */
  readonly command: readonly string[]
  /** Why it is not there. */
  readonly missing: string | undefined
}

/** The npm packages of a runtime that hold its program, of which npm installs the one for this machine. */
const { platform, arch } = process
const BUN = platform === 'linux' && arch === 'arm64' ? 'bun-linux-aarch64' : `bun-${platform}-${arch}`
const DENO = platform === 'linux' ? `linux-${arch}-glibc` : `${platform}-${arch}`

function runtime(name: string, places: readonly string[], args: readonly string[] = []): Runtime {
  for (const program of places) {
    if (program.includes('/') && !existsSync(program)) continue
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
    const version = /\d+\.\d+\.\d+/.exec(stdout ?? '')?.[0]
    if (status !== 0 || version === undefined) continue
    return { title: `${name} ${version}`, command: [program, ...args], missing: undefined }
  }
  return { title: name, command: [], missing: `${name} is not installed: .ci/run puts it into ${OWN}` }
}

const ofNode = (version: string): Runtime => runtime('Node.js', [join(OWN, `node-${version}`, 'bin', 'node')])

export const node24: Runtime = runtime('Node.js', [process.execPath])
/** The oldest that `engines` names, and the newest of its line. */
export const node22s: readonly Runtime[] = ['22.13', '22'].map(ofNode)
/** Too old: what it says is tested. */
export const node20: Runtime = ofNode('20')
export const deno: Runtime = runtime('Deno', [join(OWN, '@deno', DENO, 'deno'), 'deno'], ['run', '--allow-all'])
export const bun: Runtime = runtime('Bun', [join(OWN, '@oven', BUN, 'bin', 'bun'), 'bun'])
