import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleBrowser, bundleWeb, type Chunk } from './bundle.ts'

const KB = 1000
const dir = mkdtempSync(path.join(tmpdir(), 'streampay-bundle-'))
afterAll(() => rmSync(dir, { recursive: true }))
let chunks: readonly Chunk[]
beforeAll(async () => {
  chunks = await bundleBrowser(dir)
}, 60_000)
const sizeOf = (name: string): number =>
  chunks.filter(({ file }) => file.startsWith(`${name}-`)).reduce((total, { gzipped }) => total + gzipped, 0)

test('what a page loads stays small, and what paying adds is known', () => {
  const first = chunks.reduce((total, { lazy, gzipped }) => total + (lazy ? 0 : gzipped), 0)
  const [paying, byHand, nwc] = [sizeOf('paying'), sizeOf('byHand'), sizeOf('nwc')]
  console.log(
    `streampay/browser, gzipped: ${first} bytes; the first payment adds ${paying}; paying by hand ${byHand}; NWC ${nwc}`,
  )
  expect(first).toBeLessThanOrEqual(13.3 * KB)
  expect(paying).toBeGreaterThan(0)
  expect(first + paying).toBeLessThanOrEqual(49.5 * KB)
  expect(byHand).toBeGreaterThan(0)
  expect(byHand).toBeLessThanOrEqual(6.2 * KB)
  expect(nwc).toBeGreaterThan(0)
  expect(nwc).toBeLessThanOrEqual(16.5 * KB)
})

test('what is loaded at one moment is one file', () => {
  const names = chunks.map(({ file }) => file.replace(/-[\w-]{8}\.js$/, ''))
  for (const name of ['page', 'paying', 'byHand']) expect(names.filter((one) => one === name)).toHaveLength(1)
  // The entry itself, with the page's part of the code.
  expect(chunks.filter(({ lazy }) => !lazy)).toHaveLength(2)
})

test('no page runs the script of another', async () => {
  const web = path.join(dir, 'web')
  for (const { file } of await bundleWeb(web)) {
    expect(readFileSync(path.join(web, file), 'utf8'), file).not.toMatch(/["'`]\.\/(?:play|try)\.js["'`]/)
  }
}, 60_000)

test('it runs in browsers alone: nothing of Node is left in it', () => {
  for (const { file } of chunks)
    expect(readFileSync(path.join(dir, file), 'utf8'), file).not.toMatch(/from\s*["']node:/)
})
