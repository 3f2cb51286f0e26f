import type { FileHandle } from 'node:fs/promises'
import { StreamError } from '../../errors/error.ts'

/** What was read of an answer. */
export interface Reading {
  readonly bytes: number
  readonly complete: boolean
  readonly stoppedBy?: 'maxBytes' | 'maxSeconds'
}

export interface Bounds {
  readonly maxBytes: number
  readonly maxMs: number
}

/**
 * Reads a body until it ends or a bound is reached; what is not read is not paid for.
 * @param take gets each piece as it comes, cut to the bound
 */
export async function readBody(
  { body }: Response,
  { maxBytes, maxMs }: Bounds,
  take: (chunk: Uint8Array) => Promise<void> | void,
): Promise<Reading> {
  const reader = body?.getReader()
  if (!reader) return { bytes: 0, complete: true }
  let bytes = 0
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => late.resolve('late'), maxMs)
  try {
    for (;;) {
      const read = reader.read()
      const result = await Promise.race([read, late.promise])
      if (result === 'late') {
        read.catch(() => {})
        await leave(reader)
        return { bytes, complete: false, stoppedBy: 'maxSeconds' }
      }
      if (result.done) return { bytes, complete: true }
      const chunk = result.value.subarray(0, maxBytes - bytes)
      await take(chunk)
      bytes += chunk.byteLength
      if (chunk.byteLength < result.value.byteLength) {
        await leave(reader)
        return { bytes, complete: false, stoppedBy: 'maxBytes' }
      }
    }
  } catch (error) {
    await leave(reader)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const leave = (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> => reader.cancel().catch(() => {})

/** Holds what an agent will see. */
export class HeldText {
  readonly #chunks: Uint8Array[] = []

  readonly take = (chunk: Uint8Array): void => void this.#chunks.push(chunk)

  /** As text where it is some, else in base64. */
  get(): { readonly body: string; readonly encoding: 'utf8' | 'base64' } {
    const bytes = Buffer.concat(this.#chunks)
    const body = textOf(bytes)
    return body === undefined ? { body: bytes.toString('base64'), encoding: 'base64' } : { body, encoding: 'utf8' }
  }
}

/** A bound may cut the last character in two: its first bytes are left out. */
function textOf(bytes: Uint8Array): string | undefined {
  for (let cut = 0; cut < 4 && cut <= bytes.byteLength; cut++) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytes.byteLength - cut))
      return text.includes('\0') ? undefined : text
    } catch {
      // It ends in the middle of a character, or is no text.
    }
  }
  return undefined
}

/** Writes pieces to a file, whose name an error of the disk does not know by itself. */
export const toFile =
  (handle: FileHandle, path: string) =>
  async (chunk: Uint8Array): Promise<void> => {
    try {
      await handle.writeFile(chunk)
    } catch (error) {
      throw error instanceof Error
        ? Object.assign(error, { path })
        : new StreamError('file-refused', `${path}: ${error}`)
    }
  }
