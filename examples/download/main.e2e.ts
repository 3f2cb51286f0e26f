import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

test('the example runs, and ends with what was bought', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN])
  const end = JSON.parse(stdout.trim().split('\n').at(-1)!)
  expect(end).toEqual({ ok: true, bytes: 6 << 20, delivered: expect.any(String), steps: expect.any(String) })
  // Cut off half way and resumed: what was on its way at the cut is all that is paid twice.
  expect(Number(end.steps)).toBeGreaterThanOrEqual(6 << 20)
})
