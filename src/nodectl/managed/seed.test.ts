import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { drawSeed, forgetPending, keepSeedFile, pendingSeed, somePlaces } from './seed.ts'

const words = Array.from({ length: 24 }, (_, n) => `word${n + 1}`)
let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'streampay-seed-'))
  file = join(dir, 'seed.txt')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe('the file', () => {
  it('holds the words, for its owner alone, and nothing else is left', () => {
    keepSeedFile(dir, file, words)
    expect(readFileSync(file, 'utf8')).toBe(`${words.join(' ')}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir).sort()).toEqual(['seed.pending', 'seed.txt'])
    expect(readFileSync(join(dir, 'seed.pending'), 'utf8')).not.toContain('word1 ')
  })

  it('never takes the place of another', () => {
    writeFileSync(file, 'mine')
    expect(() => keepSeedFile(dir, file, words)).toThrow(expect.objectContaining({ code: 'seed-unkept' }))
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  it('is known again until the wallet is made, and only as it was', () => {
    expect(pendingSeed(dir, file)).toBeUndefined()
    keepSeedFile(dir, file, words)
    expect(pendingSeed(dir, file)).toEqual(words)
    expect(pendingSeed(dir, `${file}2`)).toBeUndefined()
    forgetPending(dir)
    expect(pendingSeed(dir, file)).toBeUndefined()
  })

  it('of another node, or changed, is not taken', () => {
    keepSeedFile(dir, file, words)
    writeFileSync(file, `${[...words].reverse().join(' ')}\n`)
    expect(pendingSeed(dir, file)).toBeUndefined()
  })
})

it('asks for three different words, in their order', () => {
  const picks = [5, 5, 5, 2, 23]
  expect(somePlaces(3, () => picks.shift()!)).toEqual([3, 6, 24])
})

it('draws the words downwards', () => {
  const lines = drawSeed(words)
  expect(lines).toHaveLength(6)
  expect(lines[0]).toMatch(/^ 1\. word1 +7\. word7 +13\. word13 +19\. word19$/)
  expect(lines[5]).toMatch(/24\. word24$/)
})
