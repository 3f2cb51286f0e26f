import { fork } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/temporary.ts'
import { Holder } from './holder.ts'

const LOOKER = fileURLToPath(new URL('../testing/looker.ts', import.meta.url))
const ROUNDS = 100
const folder = temporaryFolder()

test('two processes that look at once both see who is dead, and who lives', async () => {
  const file = path.join(folder(), 'shared.db')
  const dead = Array.from({ length: ROUNDS }, () => crypto.randomUUID())
  const fileOf = (name: string): string => `${file}-holder-${name}`
  // As they are left by a process that is killed.
  for (const name of dead) writeFileSync(fileOf(name), '')
  const living = new Holder(file)
  const names = dead.flatMap((name) => [name, living.take()])
  const startMs = `${Date.now() + 3000}`
  const look = () =>
    new Promise<string[]>((resolve, reject) => {
      fork(LOOKER, [file, startMs, ...names])
        .once('message', (alive) => resolve(alive as string[]))
        .once('error', reject)
    })
  const seen = await Promise.all([look(), look()])
  living.end()
  for (const alive of seen) expect(alive).toEqual(dead.map(() => living.name))
  expect(dead.filter((name) => existsSync(fileOf(name)))).toEqual([])
})
