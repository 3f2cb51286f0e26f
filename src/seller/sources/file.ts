import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { contentType } from './contentType.ts'
import { isUnchanged, readRange } from './range.ts'

/** Whatever ends with a signal: a request, a meter. */
export interface SignalHolder {
  readonly signal: AbortSignal
}

/** Reads are this large: measured on a loopback socket, 64 KiB is half as fast, 2 MiB a third slower. */
const READ_BYTES = 512 * 1024
/** A pipe in the folder must not hold the one who opens it; Windows knows no such flag. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/**
 * Answers with a file, a range of it, or that it is unchanged; `undefined` if there is no such regular file to be read.
 * The file is closed when the body ends, is cancelled, or one of the signals aborts.
 */
export async function sendFile(path: string, request: Request, meter?: SignalHolder): Promise<Response | undefined> {
  const file = await open(path, FLAGS).catch(() => undefined)
  if (!file) return undefined
  let body: ReadableStream<Uint8Array> | undefined
  try {
    const stats = await file.stat()
    if (!stats.isFile()) return undefined
    const answer = answerFor(path, stats, request)
    if (answer.read) body = readFile(file, answer.read.start, answer.read.end, [request.signal, meter?.signal])
    return new Response(body ?? null, answer)
  } finally {
    if (!body) await file.close()
  }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  /** What of the file is the body. */
  readonly read?: { readonly start: number; readonly end: number }
}

function answerFor(path: string, { size, mtime, mtimeMs }: Stats, { method, headers: asked }: Request): Answer {
  const etag = `"${size.toString(36)}-${mtimeMs.toString(36)}"`
  const headers = new Headers({
    'content-type': contentType(path),
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
    'last-modified': mtime.toUTCString(),
    etag,
  })
  if (isUnchanged(asked, etag, mtime)) return { status: 304, headers }
  const range = method === 'GET' ? readRange(asked, size, etag, mtime) : undefined
  if (range === 'unsatisfiable') {
    headers.set('content-range', `bytes */${size}`)
    headers.set('content-length', '0')
    return { status: 416, headers }
  }
  const read = range ?? { start: 0, end: size }
  headers.set('content-length', `${read.end - read.start}`)
  if (range) headers.set('content-range', `bytes ${read.start}-${read.end - 1}/${size}`)
  const status = range ? 206 : 200
  return method === 'HEAD' || read.end === read.start ? { status, headers } : { status, headers, read }
}

type Signals = readonly (AbortSignal | undefined)[]

function readFile(file: FileHandle, start: number, end: number, signals: Signals): ReadableStream<Uint8Array> {
  let at = start
  const close = async () => {
    for (const signal of signals) signal?.removeEventListener('abort', close)
    await file.close()
  }
  for (const signal of signals) signal?.addEventListener('abort', close)
  if (signals.some((signal) => signal?.aborted)) void close()
  return new ReadableStream<Uint8Array>(
    {
      // Invariant: the disk is read only when the reader asks (no high-water mark), so a shut gate stops it too.
      async pull(controller) {
        try {
          const wanted = Math.min(READ_BYTES, end - at)
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at)
          if (bytesRead === 0) throw new Error('the file became shorter while it was read')
          at += bytesRead
          controller.enqueue(buffer.subarray(0, bytesRead))
          if (at < end) return
          await close()
          controller.close()
        } catch (error) {
          await close()
          throw error
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  )
}
