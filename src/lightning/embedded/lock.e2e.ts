import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../ledger/testing/temporary.ts'

const RACER = fileURLToPath(new URL('testing/racer.ts', import.meta.url))
const ROUNDS = 100
const folder = temporaryFolder()

test('of two processes that take a directory at once, one gets it', async () => {
  const startMs = `${Date.now() + 3000}`
  const race = () =>
    new Promise<number[]>((resolve, reject) => {
      fork(RACER, [folder(), startMs, `${ROUNDS}`])
        .once('message', (won) => resolve(won as number[]))
        .once('error', reject)
    })
  const won = new Set((await Promise.all([race(), race()])).flat())
  expect(won.size).toBe(ROUNDS)
})
