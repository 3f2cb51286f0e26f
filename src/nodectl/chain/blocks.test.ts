import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { blockHash, readBlocks } from './blocks.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'streampay-blocks-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

/** Header of Bitcoin's first block, and the hash that everyone knows it by. */
const GENESIS =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c'

it('names a block by its header alone', () => {
  const hash = '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f'
  expect(blockHash(GENESIS)).toBe(hash)
  expect(blockHash(`${GENESIS}0101`)).toBe(hash)
})

it('does not take for a block what was not written to its end', () => {
  const file = join(dir, 'blocks')
  expect(readBlocks(file)).toEqual([])
  writeFileSync(file, '')
  expect(readBlocks(file)).toEqual([])
  writeFileSync(file, 'aa\nbb\ncc')
  expect(readBlocks(file)).toEqual(['aa', 'bb'])
})
