import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamError } from '../../errors/error.ts'
import { lockDirectory } from '../../lightning/embedded/lock.ts'
import { packageArguments, posterArguments, probe, run } from './ffmpeg.ts'

export interface PackageOptions {
  /** Where packaged films are kept; it may be shared by processes. */
  readonly cache: string
  /** Heights of the qualities, such as [1080, 480]; the film's own height by default. */
  readonly heights?: readonly number[]
  readonly signal?: AbortSignal
  /** How much of the film is done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/** Raised when films are packaged in another way: those of an older version are made anew. */
const VERSION = 1
const SAMPLE_BYTES = 64 * 1024
const POSTER_AT_MS = 5000
const LOOK_MS = 300

/**
 * Packages a film to HLS with `ffmpeg`, or finds it packaged already. Returns its folder, which holds `index.m3u8` and `poster.jpg`.
 * A folder is there whole or not at all; of several processes one works and the others wait for it.
 * @throws StreamError `option-invalid` for what is no film, the signal's reason
 */
export async function packageFilm(input: string, options: PackageOptions): Promise<string> {
  const { cache, signal } = options
  const heights = [...new Set(options.heights ?? [])].sort((a, b) => b - a)
  const folder = join(cache, await keyOf(input, heights))
  if (existsSync(join(folder, 'index.m3u8'))) return folder
  await mkdir(cache, { recursive: true, mode: 0o700 })
  const unlock = await lock(`${folder}.lock`, signal)
  const part = `${folder}.part`
  try {
    if (existsSync(join(folder, 'index.m3u8'))) return folder
    // What a killed process left.
    await rm(part, { recursive: true, force: true })
    await mkdir(part, { recursive: true })
    await make(input, part, heights, options)
    await rename(part, folder)
    return folder
  } finally {
    await rm(part, { recursive: true, force: true })
    unlock()
  }
}

async function make(input: string, folder: string, asked: readonly number[], options: PackageOptions): Promise<void> {
  const { signal, onProgress } = options
  const { ms, height, hasSound } = await probe(input, signal)
  const fitting = asked.filter((wanted) => wanted <= height)
  // Heights are even: that is all the encoder asks of them.
  const heights = (fitting.length > 0 ? fitting : [height]).map((wanted) => wanted - (wanted % 2))
  const onLine = (line: string) => {
    const us = /^out_time_us=(\d{1,18})$/.exec(line)?.[1]
    if (us !== undefined) onProgress?.(Math.min(1, Number(us) / 1000 / ms))
  }
  await run('ffmpeg', packageArguments({ input, folder, heights, hasSound }), { signal, onLine })
  await run('ffmpeg', posterArguments(input, folder, Math.min(POSTER_AT_MS, ms / 2) / 1000), { signal })
}

/** By what the file holds at both ends, its size and its time: a film that is moved is known again, one that is changed is not. */
async function keyOf(input: string, heights: readonly number[]): Promise<string> {
  const { size, mtimeMs } = await stat(input)
  const file = await open(input)
  try {
    const hash = createHash('sha256').update(JSON.stringify([VERSION, size, mtimeMs, heights]))
    for (const at of [0, Math.max(0, size - SAMPLE_BYTES)]) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(SAMPLE_BYTES), 0, SAMPLE_BYTES, at)
      hash.update(buffer.subarray(0, bytesRead))
    }
    return hash.digest('hex').slice(0, 32)
  } finally {
    await file.close()
  }
}

async function lock(folder: string, signal: AbortSignal | undefined): Promise<() => void> {
  for (;;) {
    try {
      return lockDirectory(folder)
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== 'node-busy') throw error
      await sleep(LOOK_MS, undefined, signal && { signal })
    }
  }
}
