import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { SMALL_HEAP } from '../../src/cli/smallHeap.ts'
import { commands, tempFolder } from './command.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const canReplace = typeof process.execve === 'function'

describe.runIf(canReplace)('a command that carries bodies', () => {
  test.runIf(process.platform === 'linux')('runs in a small heap, as the process that was started', async () => {
    const home = tempFolder()
    const { sell } = commands(home)
    writeFileSync(join(home, 'a.txt'), 'a')
    const { seller } = await sell(join(home, 'a.txt'), '1 sat/kB')
    const words = readFileSync(`/proc/${seller.child.pid}/cmdline`, 'utf8').split('\0')
    expect(words).toContain(SMALL_HEAP)
    expect(words).toContain(join(home, 'a.txt'))
  })

  test('starts once, with its arguments and its exit code, whatever the heap was told to be', () => {
    const run = (...options: string[]) => spawnSync(process.execPath, [...options, MAIN, 'get', '--no such', 'x'])
    for (const options of [[], ['--max-semi-space-size=8'], ['--max_semi_space_size=8']]) {
      const { status, stderr } = run(...options)
      expect(status).toBe(2)
      expect(stderr.toString()).toContain("unknown option '--no such'")
      expect(stderr.toString()).not.toMatch(/warning/i)
    }
  })
})
