import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

test('the example runs, and ends with what was bought', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN])
  const end = JSON.parse(stdout.trim().split('\n').at(-1)!)
  expect(end).toMatchObject({ ok: true, messages: 100 })
  expect(Number(end.steps)).toBeGreaterThan(100 * 20)
})
