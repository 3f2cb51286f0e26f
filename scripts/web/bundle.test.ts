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
const sum = (wanted: (chunk: Chunk) => boolean): number =>
  chunks.filter(wanted).reduce((total, { gzipped }) => total + gzipped, 0)

test('what a page loads stays small, and what paying adds is known', () => {
  const first = sum(({ lazy }) => !lazy)
  const paying = sum(({ lazy, file }) => lazy && !/^(?:nwc|dist|comparing|prepaid)-/.test(file))
  const nwc = sum(({ file }) => file.startsWith('nwc-'))
  console.log(`streampay/browser, gzipped: ${first} bytes; the first payment adds ${paying}; NWC adds ${nwc}`)
  expect(first).toBeLessThanOrEqual(25 * KB)
  expect(first + paying).toBeLessThanOrEqual(55 * KB)
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
