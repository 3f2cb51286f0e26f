import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../../scripts/run/child.ts'
import { compile, installPackage, manifest, type Packed, packPackage, runIn } from './package.ts'

/** A third of it is what browsers load: hls.js alone is 114 kB. */
const MAX_PACKED_BYTES = 1_450_000
const dir = mkdtempSync(path.join(tmpdir(), 'streampay-consumers-'))
const consumer = path.join(dir, 'consumer')
const entries = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'))
const specifiers = entries.map((name) => path.posix.join('streampay', name))
let packed: Packed

beforeAll(async () => {
  packed = await packPackage(dir)
  await installPackage(packed.tarball, consumer)
  writeFileSync(path.join(consumer, 'package.json'), '{ "type": "module" }')
}, 240_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('the tarball is small and holds no test, no source and no map', () => {
  const unwanted = packed.files.filter(
    ({ path: file }) =>
      !/^(?:dist\/.*(?:\.js|\.d\.ts|\/go\.(?:mod|sum)|\/page\/\w+\.(?:html|css|svg))|web\/dist\/[\w.-]+\.(?:js|css)|spec\/.*\.(?:md|json)|docs\/.*\.md|package\.json|[A-Z]+(?:\.md)?)$/.test(
        file,
      ),
  )
  const tests = packed.files.filter(({ path: file }) => /\.(?:test|property|contract|e2e|lnd)\.|\/testing\//.test(file))
  expect([...unwanted, ...tests].map(({ path: file }) => file)).toEqual([])
  expect(packed.size).toBeLessThan(MAX_PACKED_BYTES)
})

test('the tarball holds the licence, the change log and the protocol', () => {
  const files = packed.files.map(({ path: file }) => file)
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'CHANGELOG.md', 'README.md', 'spec/stream.md']))
})

test('LND can be built from what is installed, and not into it', async () => {
  const script = `
    const { binariesDir, canRun, hasGo } = await import('./node_modules/streampay/dist/nodectl/programs/build.js')
    console.log(JSON.stringify([binariesDir({ STREAMPAY_HOME: '/home/me/state' }), typeof hasGo().ok, typeof canRun().ok]))`
  const output = await runIn(consumer, ['--input-type=module', '-e', script])
  expect(JSON.parse(output)).toEqual([
    expect.stringMatching(/^\/home\/me\/state\/cache\/lightning-net\/[0-9a-f]{16}\/bin$/),
    'boolean',
    'boolean',
  ])
})

test('nothing has to run when it is installed', () => {
  const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean; dev?: boolean }>
  }
  const running = Object.entries(lock.packages).filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev)
  // This one's compares version numbers and prints a warning: nothing is missing without it.
  expect(running.map(([name]) => name)).toEqual(['node_modules/protobufjs'])
  const scripts = Object.keys(manifest.scripts)
  expect(scripts.filter((name) => /^(?:pre|post)?(?:install|prepare|uninstall)$/.test(name))).toEqual([])
})

test('publint finds nothing', async () => {
  const output = await runIn(ROOT, ['node_modules/publint/src/cli.js', 'run', packed.tarball, '--strict'])
  expect(output).toContain('All good!')
})

test('every entry point has types for every resolution of ES modules', async () => {
  const attw = 'node_modules/@arethetypeswrong/cli/dist/index.js'
  const output = await runIn(ROOT, [attw, packed.tarball, '--profile', 'esm-only', '--format', 'json'])
  const { entrypoints } = JSON.parse(output).analysis
  for (const name of entries) {
    for (const kind of ['node16-esm', 'bundler']) {
      expect(entrypoints[name].resolutions[kind].resolution, `${name} ${kind}`).toMatchObject({ isTypeScript: true })
    }
  }
})

test.each([
  ['nodenext', ['--module', 'nodenext', '--types', 'node']],
  ['bundler', ['--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node']],
])('TypeScript with %s resolution finds every name', async (_, options) => {
  expect(await compile(consumer, 'sell.ts', options)).toEqual([])
})

test('the wire needs no types of Node', async () => {
  const options = ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2024,dom', '--types', '']
  expect(await compile(consumer, 'browser.ts', options)).toEqual([])
})

test('a paywall from the package answers 402 with its challenge', async () => {
  expect(JSON.parse(await runIn(consumer, ['sell.ts']))).toEqual({ status: 402, challenges: 1 })
})

test('plain JavaScript loads every entry point', async () => {
  const found: Record<string, string[]> = JSON.parse(await runIn(consumer, ['plain.mjs', ...specifiers]))
  expect(Object.keys(found)).toEqual(specifiers)
  for (const [name, exported] of Object.entries(found)) expect(exported, name).not.toEqual([])
})

test('the command runs from the package, and says its version', async () => {
  const output = await runIn(consumer, ['node_modules/streampay/dist/cli/main.js', '--version'])
  expect(output.trim()).toBe(manifest.version)
})

test('two embedded nodes trade from the package', async () => {
  const output = await runIn(consumer, ['node_modules/streampay/dist/cli/main.js', 'demo', '--json'])
  expect(JSON.parse(output)).toMatchObject({ ok: true })
})
