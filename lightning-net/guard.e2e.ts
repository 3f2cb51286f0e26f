import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'

const GUARD = new URL('./guard.ts', import.meta.url).href

/** A process that starts another one under a guard, and what it started. */
async function guarded(dir: string): Promise<{ kill(): void; pid: number }> {
  const program = `
    import { spawn } from 'node:child_process'
    import { startGuard } from '${GUARD}'
    const guard = startGuard()
    const child = spawn('sleep', ['60'], { stdio: 'ignore' })
    guard.watch(child.pid)
    guard.clear('${dir}')
    console.log(child.pid)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: parent.stdout })) {
    return { kill: () => parent.kill('SIGKILL'), pid: Number(line) }
  }
  throw new Error('the process did not start')
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('ends what was started, and clears up, when the process that started it is killed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'streampay-guard-'))
  const { kill, pid } = await guarded(dir)
  expect(isAlive(pid)).toBe(true)
  kill()
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
  await expect.poll(() => existsSync(dir), { timeout: 10_000 }).toBe(false)
})
