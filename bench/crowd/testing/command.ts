import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'vitest'
import { hasFfmpeg } from '../../../src/gateway/video/ffmpeg.ts'
import type { CrowdReport } from '../report.ts'

const ROOT = path.join(import.meta.dirname, '..', '..', '..')

/** Runs `npm run crowd` as it is started, and holds its books against each other. Whether it was quick enough is no matter of a test. */
export async function expectKept(node: 'lnd' | 'embedded'): Promise<void> {
  const viewers = hasFfmpeg() ? 5 : 0
  const args = ['--json', '--node', node, '--buyers', '20', '--viewers', `${viewers}`, '--seconds', '15']
  const child = spawn(process.execPath, ['scripts/bootstrap.mjs', 'crowd', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const last = out.trimEnd().split('\n').at(-1) ?? ''
  expect(last, said).toMatch(/^\{/)
  const report = JSON.parse(last) as CrowdReport
  expect(report, said).toMatchObject({ node, buyers: 20, viewers, seconds: 15, failed: 0, unaccounted: '0' })
  const { paid, settled, delivered, returned, kept, onCredit, maxAhead, ahead, maxUnpaid, credit } = report
  expect(BigInt(paid)).toBeGreaterThan(0n)
  expect(settled).toBe(paid)
  expect(BigInt(paid) + BigInt(onCredit)).toBe(BigInt(delivered) + BigInt(returned) + BigInt(kept))
  expect(BigInt(maxAhead)).toBeLessThanOrEqual(BigInt(ahead))
  expect(BigInt(maxUnpaid)).toBeLessThanOrEqual(BigInt(credit))
  expect(report.tokens).toBeGreaterThan(0)
  if (viewers > 0) expect(report.playSeconds).toBeGreaterThan(0)
  expect(report.nodeLimit).toBeGreaterThan(0)
}
