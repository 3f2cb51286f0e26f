import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import type { Row } from './attack.ts'
import { ATTACKS } from './attacks.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
/** Ends a run that hangs; each attack ends by itself long before. */
const PATIENCE_MS = 400_000

let code: number | null
let rows: Row[]
let last: Record<string, unknown>

beforeAll(async () => {
  const child = spawn(process.execPath, [MAIN, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const timer = setTimeout(() => child.kill('SIGTERM'), PATIENCE_MS)
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  ;[code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  const lines = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  last = lines.pop()
  rows = lines
}, PATIENCE_MS)

test.each(ATTACKS.map(({ side, name }) => [side, name]))('a hostile %s: %s is held', (_, name) => {
  const row = rows.find(({ attack }) => attack === name)
  expect(row, 'every attack has its row').toBeDefined()
  expect(row, JSON.stringify(row)).toMatchObject({ held: true })
})

test('the last line is the sum', () => {
  expect(last).toEqual({ ok: true, attacks: ATTACKS.length, held: ATTACKS.length })
  expect(code).toBe(0)
})
