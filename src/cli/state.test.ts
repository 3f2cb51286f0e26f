import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { earlierSecrets, keptSecret } from './state.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function openFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'stream-secret-'))
  folders.push(folder)
  const file = join(folder, 'secret')
  return {
    folder,
    start: (nowMs: number) => ({ earlier: earlierSecrets(folder, nowMs), secret: keptSecret(file) }),
    putAside: () => renameSync(file, `${file}.earlier`),
  }
}

describe('a secret that is kept', () => {
  test('is whole, for its owner alone, and the same at every start', () => {
    const { folder, start } = openFolder()
    const { secret } = start(1000)
    expect(secret).toHaveLength(32)
    expect(readdirSync(folder), 'nothing else is left').toEqual(['secret'])
    expect(statSync(join(folder, 'secret')).mode & 0o777).toBe(0o600)
    expect(start(2000).secret).toEqual(secret)
  })

  test('is the first one’s, of several that begin at once', async () => {
    const { folder } = openFolder()
    const script = `import { keptSecret } from ${JSON.stringify(new URL('./state.ts', import.meta.url).href)}
      console.log(Buffer.from(keptSecret(${JSON.stringify(join(folder, 'secret'))})).toString('hex'))`
    const begun = Array.from({ length: 4 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]),
    )
    const seen = (await Promise.all(begun)).map(({ stdout }) => stdout.trim())
    expect(seen).toEqual(Array(4).fill(readFileSync(join(folder, 'secret')).toString('hex')))
    expect(readdirSync(folder)).toEqual(['secret'])
  })
})

describe('a secret that its owner puts aside', () => {
  test('is an earlier one from the next start on, and another takes its place', () => {
    const { start, putAside, folder } = openFolder()
    const first = start(1_000_000)
    expect(first.earlier).toEqual([])
    expect(start(2_000_000)).toEqual(first)
    putAside()
    const second = start(3_000_500)
    expect(second.secret).not.toEqual(first.secret)
    // In whole seconds, and not before it was put aside.
    const earlier = { secret: first.secret, replacedAtMs: 3_001_000 }
    expect(second.earlier).toEqual([earlier])
    expect(start(9_000_000), 'at every start').toEqual(second)
    putAside()
    const third = start(10_000_000)
    expect(third.earlier).toHaveLength(2)
    expect(third.earlier).toEqual(
      expect.arrayContaining([earlier, { secret: second.secret, replacedAtMs: 10_000_000 }]),
    )
    rmSync(join(folder, 'secret.earlier-3001'))
    expect(start(11_000_000).earlier).toHaveLength(1)
  })

  test('has the length of one, and what has another name is none', () => {
    const { folder, start } = openFolder()
    writeFileSync(join(folder, 'secret.earlier-old'), 'x')
    writeFileSync(join(folder, 'secret.backup'), 'x')
    expect(start(1000).earlier).toEqual([])
    expect(readFileSync(join(folder, 'secret'))).toHaveLength(32)
    writeFileSync(join(folder, 'secret.earlier'), 'short')
    expect(() => start(2000)).toThrow(expect.objectContaining({ code: 'ledger-failed' }))
    expect(readdirSync(folder)).toContain('secret.earlier-2')
  })
})
