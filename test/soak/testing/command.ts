import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { expect } from 'vitest'
import type { Verdict } from '../audit/verdict.ts'

const ROOT = path.join(import.meta.dirname, '..', '..', '..')

/** Runs `npm run soak` as it is started, and holds its last line against what it must say. */
export async function expectSound(...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ['scripts/bootstrap.mjs', 'soak', '--json', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, said] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const [code] = await once(child, 'close')
  const last = out.trimEnd().split('\n').at(-1) ?? ''
  expect(last, said).toMatch(/^\{/)
  const verdict = JSON.parse(last) as Verdict
  expect(verdict, said).toMatchObject({ ok: true, unaccounted: '0', paidTwice: 0, lostPayments: 0 })
  expect(code, said).toBe(0)
  expect(verdict.kills).toBeGreaterThan(0)
  const amount = (name: 'paid' | 'settled' | 'maxUnpaid' | 'credit' | 'maxAhead' | 'ahead'): bigint =>
    BigInt(verdict[name])
  expect(amount('paid')).toBeGreaterThan(0n)
  expect(amount('settled')).toBe(amount('paid'))
  expect(amount('maxUnpaid')).toBeLessThanOrEqual(amount('credit'))
  expect(amount('maxAhead')).toBeLessThanOrEqual(amount('ahead'))
}
