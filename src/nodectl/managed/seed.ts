import { createHash, randomInt } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { writeWhole } from './files.ts'

/** LND's seeds have 24 words (aezeed). */
export const SEED_WORDS = 24
/** Which file this node's words were written to, and their hash: so that they are known again when the wallet was not made of them yet. */
const PENDING = 'seed.pending'

/**
 * Writes the words of a wallet that is about to be made into a file of its owner's alone, never over another file.
 * @throws StreamError `seed-unkept` (the file exists)
 */
export function keepSeedFile(dir: string, file: string, words: readonly string[]): void {
  const text = `${words.join(' ')}\n`
  refuseExisting(file)
  writeWhole(join(dir, PENDING), JSON.stringify({ file, hash: hashOf(text) }))
  const beside = `${file}.${process.pid}.new`
  const fd = openSync(beside, 'wx', 0o600)
  try {
    writeSync(fd, text)
    // A wallet must not be there before its words are.
    fsyncSync(fd)
    // Unlike renaming, linking never takes another file's place.
    linkSync(beside, file)
  } catch (error) {
    refuseExisting(file)
    throw error
  } finally {
    closeSync(fd)
    rmSync(beside, { force: true })
  }
}

/**
 * The words that an earlier call wrote into the file and made no wallet of, since it or LND was killed; `undefined` if there
 * are none. No other words are ever taken: a seed that guards one node must not guard a second.
 */
export function pendingSeed(dir: string, file: string): readonly string[] | undefined {
  const pending = join(dir, PENDING)
  if (!existsSync(pending) || !existsSync(file)) return undefined
  const known = JSON.parse(readFileSync(pending, 'utf8')) as { readonly file: string; readonly hash: string }
  const text = readFileSync(file, 'utf8')
  return known.file === file && known.hash === hashOf(text) ? text.trim().split(' ') : undefined
}

/** To be called when the wallet is made. */
export const forgetPending = (dir: string): void => rmSync(join(dir, PENDING), { force: true })

/** @throws StreamError `seed-unkept` */
export function refuseExisting(file: string): void {
  if (existsSync(file))
    throw new StreamError('seed-unkept', `${file} exists, and a seed is never written over a file`, { file })
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** Places of words to ask for, counted from 1 and in their order: all different. */
export function somePlaces(count = 3, pick: (below: number) => number = randomInt): number[] {
  const places = new Set<number>()
  while (places.size < count) places.add(1 + pick(SEED_WORDS))
  return [...places].sort((a, b) => a - b)
}

/** The words as they are shown: numbered, in columns that are read downwards. */
export function drawSeed(words: readonly string[], columns = 4): string[] {
  const rows = Math.ceil(words.length / columns)
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => column * rows + row)
      .filter((at) => at < words.length)
      .map((at) => `${`${at + 1}`.padStart(2)}. ${words[at]!.padEnd(10)}`)
      .join(' ')
      .trimEnd(),
  )
}
