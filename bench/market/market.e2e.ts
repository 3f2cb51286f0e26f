import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { MarketReport } from './report.ts'

const ROOT = path.join(import.meta.dirname, '..', '..')

test('a small market on embedded nodes: all inside their limits, none stuck, every msat accounted for, whatever sellers do', async () => {
  const args = ['market', '--json', '--buyers', '24', '--sellers', '5', '--seconds', '12']
  const child = spawn(process.execPath, ['scripts/bootstrap.mjs', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const last = out.trimEnd().split('\n').at(-1) ?? ''
  expect(last, said).toMatch(/^\{/)
  const report = JSON.parse(last) as MarketReport
  expect(report, said).toMatchObject({
    ...{ ok: true, reasons: [], buyers: 24, sellers: 5, stuck: 0, unaccounted: '0' },
    outside: { buyers: 0, sellers: 0, ahead: 0, unpaid: 0, budget: 0 },
  })
  expect(report.troubles).toHaveLength(4)
  expect(report.requests).toBeGreaterThan(0)
  expect(BigInt(report.paid)).toBeGreaterThan(0n)
  const { paid, settled, delivered, returned, kept, onCredit } = report
  expect(settled).toBe(paid)
  expect(BigInt(paid) + BigInt(onCredit)).toBe(BigInt(delivered) + BigInt(returned) + BigInt(kept))
  for (const hostile of ['throws', 'nonsense'])
    expect(report.kinds[hostile]).toMatchObject({ buyers: 1, agreements: 0 })
}, 600_000)
