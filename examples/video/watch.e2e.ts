import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { hasFfmpeg } from '../../src/gateway/video/ffmpeg.ts'

const WATCH = fileURLToPath(new URL('./watch.ts', import.meta.url))

it.skipIf(!hasFfmpeg())('the example sells a film and says what it cost (needs ffmpeg)', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [WATCH], { timeout: 80_000 })
  const { ok, charged } = JSON.parse(stdout)
  expect(ok).toBe(true)
  // Three segments at the beginning and two at the end, of about two seconds each, at 2 sat a second.
  expect(Number(charged)).toBeGreaterThan(12_000)
  expect(Number(charged)).toBeLessThan(24_000)
})
