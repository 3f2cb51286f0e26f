import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { binariesDir } from './build.ts'
import { findLnd } from './find.ts'

let dir: string
let env: NodeJS.ProcessEnv
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'streampay-find-'))
  for (const name of ['old', 'new', 'empty']) mkdirSync(join(dir, name))
  env = { PATH: join(dir, 'empty'), STREAMPAY_CACHE: join(dir, 'cache') }
})
afterAll(() => rmSync(dir, { recursive: true }))

/** A program that says a version and does nothing else. */
function program(path: string, said: string, mode = 0o755): string {
  writeFileSync(path, `#!/bin/sh\necho '${said}'\n`, { mode })
  return path
}

it('takes the one that is named, and no other', async () => {
  const path = program(join(dir, 'mine'), 'lnd version 0.20.1-beta commit=')
  expect(await findLnd({ path, env })).toEqual({ path, version: '0.20.1', from: 'path' })
})

it.each([
  ['nothing there', () => join(dir, 'none'), /cannot be run|is not a program/],
  ['a folder', () => join(dir, 'empty'), /is not a program/],
  [
    'a file that may not be run',
    () => program(join(dir, 'text'), 'lnd version 0.21.0-beta', 0o644),
    /is not a program/,
  ],
  ['another program', () => program(join(dir, 'other'), 'lncli version 0.21.0-beta'), /does not say that it is lnd/],
  ['one that is too old', () => program(join(dir, 'aged'), 'lnd version 0.15.5-beta'), /0\.15\.5; 0\.19\.0 or newer/],
])('refuses %s', async (_, make, message) => {
  await expect(findLnd({ path: make(), env })).rejects.toMatchObject({
    code: 'program-unfit',
    message: expect.stringMatching(message),
  })
})

it('says how to get one when there is none and nothing to build it with', async () => {
  await expect(findLnd({ env })).rejects.toMatchObject({
    code: 'program-missing',
    message: expect.stringMatching(/no fit lnd on the PATH, and Go 1\.\d+ or newer is needed/),
    hint: expect.stringContaining('https://go.dev/dl'),
  })
})

it('passes over one on the PATH that is too old, says so, and takes the next place', async () => {
  program(join(dir, 'old', 'lnd'), 'lnd version 0.15.5-beta')
  const said: string[] = []
  const search = { env: { ...env, PATH: join(dir, 'old') }, onProgress: (line: string) => said.push(line) }
  await expect(findLnd(search)).rejects.toMatchObject({ code: 'program-missing' })
  expect(said).toEqual([expect.stringMatching(/0\.15\.5.*looking further/)])
  const built = binariesDir(env)
  mkdirSync(built, { recursive: true })
  for (const name of ['lnd', 'lncli', 'btcd']) program(join(built, name), `${name} version 0.21.0-beta`)
  expect(await findLnd(search)).toEqual({ path: join(built, 'lnd'), version: '0.21.0', from: 'built' })
  program(join(dir, 'new', 'lnd'), 'lnd version 0.19.0-beta')
  expect(await findLnd({ env: { ...env, PATH: `:${join(dir, 'new')}` } })).toMatchObject({
    path: join(dir, 'new', 'lnd'),
    from: 'PATH',
  })
})
