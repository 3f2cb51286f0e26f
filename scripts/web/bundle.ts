/*
 * Makes what browsers load: `streampay/browser` as one small file with its lazy chunks, and the pages that the gateway serves.
 */
import { copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { type OutputChunk, type Plugin, rolldown } from 'rolldown'
import { CODES, type ErrorCode, isRetryable } from '../../src/errors/codes.ts'
import { ROOT } from '../run/child.ts'

export interface Chunk {
  readonly file: string
  /** Bytes, compressed as servers do. */
  readonly gzipped: number
  /** Loaded only when it is needed. */
  readonly lazy: boolean
}

/** What our own sources import in the place of what does more than a browser needs, or can do: packages, and files of ours. */
const STAND_INS: Readonly<Record<string, string>> = {
  '@noble/curves/secp256k1.js': 'curve.ts',
  '@noble/hashes/sha2.js': 'hashes.ts',
  '@noble/hashes/utils.js': 'hashes.ts',
  '@scure/base': 'encodings.ts',
  canonicalize: 'canonical.ts',
  'src/buyer/offers/comparing.ts': 'comparing.ts',
  'src/buyer/offers/sellers.ts': 'sellers.ts',
  'src/buyer/requests/grpc.ts': 'grpc.ts',
  'src/buyer/requests/redirects.ts': 'redirects.ts',
  'src/terms/strategy.ts': 'strategy.ts',
  'src/wire/recoverKey.ts': 'recoverKey.ts',
}

const NOSTR = path.join(ROOT, 'node_modules', 'nostr-tools') + path.sep
const standIn = (name: string) => path.join(ROOT, 'src', 'browser', 'standIns', name)
const inBrowser = (name: string) => (id: string) => id === path.join(ROOT, 'src', 'browser', `${name}.ts`)

/** What a browser does without: the words for terminals, exit codes, and libraries that can also sign and encode. */
const lighter: Plugin = {
  name: 'lighter',
  resolveId(source, importer) {
    if (source === '@noble/curves/secp256k1.js' && importer?.startsWith(NOSTR)) return standIn('nostrCurve.ts')
    if (!importer?.startsWith(path.join(ROOT, 'src') + path.sep)) return null
    const file = path.relative(ROOT, path.resolve(path.dirname(importer), source)).replaceAll(path.sep, '/')
    const name = STAND_INS[source.startsWith('.') ? file : source]
    return name === undefined ? null : standIn(name)
  },
  load(id) {
    if (path.relative(ROOT, id) !== path.join('src', 'errors', 'codes.ts')) return null
    const rows = Object.entries(CODES).map(([code, row]) => {
      const { status, problem } = row as { readonly status: number; readonly problem?: string }
      // A sign before the status: a retry may help.
      return `${code} ${isRetryable(code as ErrorCode) ? '+' : ''}${status}${problem ? ` ${problem}` : ''}`
    })
    const code = `const rows = ${JSON.stringify(rows.join(','))}.split(',').map((row) => row.split(' '))
export const EXIT = {}
const retryable = new Set(rows.filter(([, status]) => status[0] === '+').map(([code]) => code))
export const isRetryable = (code) => retryable.has(code)
export const CODES = Object.fromEntries(
  rows.map(([code, status, problem]) => [code, { status: +status, title: code, hint: '', exit: 'failed', problem }]))`
    return { code, moduleType: 'js' }
  },
}

/**
 * What is loaded at one moment is one file, each with all that it needs and has not come before: several small ones compress worse. The rest is
 * loaded where somebody chooses it.
 */
const TOGETHER = [
  // Named first, or it would go with what merely could use it: only tokens of L402 do.
  { name: 'hmac', test: (id: string) => id === path.join(ROOT, 'node_modules', '@noble', 'hashes', 'hmac.js') },
  { name: 'page', test: inBrowser('index') },
  { name: 'paying', test: inBrowser('paying') },
  { name: 'byHand', test: inBrowser('byHand') },
].map((group, i, { length }) => ({ ...group, priority: length - i }))

/** Bundles one entry with its lazy chunks into a folder. */
async function bundle(
  input: Readonly<Record<string, string>>,
  dir: string,
  external: readonly string[] = [],
): Promise<Chunk[]> {
  const build = await rolldown({
    input: { ...input },
    cwd: ROOT,
    platform: 'browser',
    plugins: [lighter],
    external: [...external],
    // What two pages share lies in neither's own script, which would run on the other page.
    preserveEntrySignatures: 'strict',
    treeshake: { moduleSideEffects: false },
    logLevel: 'warn',
  })
  try {
    const { output } = await build.write({
      dir,
      format: 'esm',
      minify: true,
      entryFileNames: '[name].js',
      chunkFileNames: '[name]-[hash].js',
      codeSplitting: { groups: TOGETHER },
    })
    const chunks = output.filter((one): one is OutputChunk => one.type === 'chunk')
    const eager = reachedFrom(chunks)
    return chunks.map(({ fileName, code }) => ({
      file: fileName,
      gzipped: gzipSync(code, { level: 9 }).length,
      lazy: !eager.has(fileName),
    }))
  } finally {
    await build.close()
  }
}

/** All that is loaded with the entries, chunks that they share included. */
function reachedFrom(chunks: readonly OutputChunk[]): Set<string> {
  const reached = new Set(chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName))
  for (const file of reached)
    for (const next of chunks.find(({ fileName }) => fileName === file)?.imports ?? []) reached.add(next)
  return reached
}

/** `streampay/browser` into `dist/browser`, instead of what the compiler wrote there; declarations stay. */
export async function bundleBrowser(dir: string): Promise<Chunk[]> {
  for (const file of globSync('**/*.js', { cwd: dir })) rmSync(path.join(dir, file))
  return bundle({ index: 'src/browser/index.ts' }, dir)
}

/** The gateway's pages into `web/dist`: player, try-it page, style, and the chunks that they share. */
export async function bundleWeb(dir: string): Promise<Chunk[]> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const chunks = await bundle({ play: 'web/play.ts', try: 'web/try.ts' }, dir)
  copyFileSync(path.join(ROOT, 'web/page.css'), path.join(dir, 'page.css'))
  return chunks
}
