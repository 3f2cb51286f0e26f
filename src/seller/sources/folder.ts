import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { contentType } from './contentType.ts'
import { readRange } from './range.ts'

/** Reads are this large: measured, larger ones gain nothing and smaller ones cost. */
const READ_BYTES = 512 * 1024

type FileHandler = (request: Request) => Promise<Response>

/**
 * Serves the files of a folder: ranges, conditional requests, no dot files, nothing outside the folder.
 * @example wall(serveFolder('./films'))
 */
export function serveFolder(folder: string): FileHandler {
  return async (request) => {
    const wrong = wrongMethod(request)
    if (wrong) return wrong
    const path = await resolveInside(folder, new URL(request.url).pathname)
    if (path === undefined) return notFound()
    const found = await stat(path).catch(() => undefined)
    if (found?.isDirectory()) return listing(path, new URL(request.url).pathname)
    return found?.isFile() ? sendFile(path, request) : notFound()
  }
}

/** Serves one file, whatever path is asked for. */
export function serveFile(path: string): FileHandler {
  return async (request) => wrongMethod(request) ?? sendFile(path, request)
}

const notFound = (): Response => new Response('not found\n', { status: 404 })

function wrongMethod({ method }: Request): Response | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined
  return new Response('only GET and HEAD\n', { status: 405, headers: { allow: 'GET, HEAD' } })
}

/** The file that a URL path names, if it lies in the folder after every link is followed. */
async function resolveInside(folder: string, pathname: string): Promise<string | undefined> {
  const parts = decodeParts(pathname)
  if (!parts) return undefined
  try {
    const root = await realpath(folder)
    const path = await realpath(join(root, ...parts))
    return path === root || path.startsWith(root + sep) ? path : undefined
  } catch {
    return undefined
  }
}

function decodeParts(pathname: string): string[] | undefined {
  try {
    const parts = pathname
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent)
    return parts.some((part) => part.startsWith('.') || /[\\/\0]/.test(part)) ? undefined : parts
  } catch {
    return undefined
  }
}

async function listing(path: string, pathname: string): Promise<Response> {
  const entries = await readdir(path, { withFileTypes: true })
  const base = pathname.endsWith('/') ? pathname : `${pathname}/`
  const rows = entries
    .filter(({ name }) => !name.startsWith('.'))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort()
    .map(
      (name) =>
        `<li><a href="${encodeURI(base)}${encodeURIComponent(name).replace(/%2F$/, '/')}">${escapeHtml(name)}</a></li>`,
    )
  const title = escapeHtml(basename(path))
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><ul>${rows.join('')}</ul></html>`
  return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } })
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

async function sendFile(path: string, request: Request): Promise<Response> {
  const file = await open(path).catch(() => undefined)
  if (!file) return notFound()
  try {
    const { size, mtimeMs, mtime } = await file.stat()
    const etag = `"${createHash('sha256').update(`${size}-${mtimeMs}`).digest('base64url').slice(0, 22)}"`
    const headers = new Headers({
      'content-type': contentType(path),
      'accept-ranges': 'bytes',
      'last-modified': mtime.toUTCString(),
      etag,
    })
    if (isUnchanged(request.headers, etag, mtime)) return await without(file, 304, headers)
    const range = readRange(request.headers, size, etag, mtime)
    if (range === 'unsatisfiable') {
      headers.set('content-range', `bytes */${size}`)
      return await without(file, 416, headers)
    }
    const { start, end } = range ?? { start: 0, end: size }
    headers.set('content-length', `${end - start}`)
    if (range) headers.set('content-range', `bytes ${start}-${end - 1}/${size}`)
    const status = range ? 206 : 200
    if (request.method === 'HEAD' || end === start) return await without(file, status, headers)
    return new Response(readFile(file, start, end), { status, headers })
  } catch (error) {
    await file.close()
    throw error
  }
}

async function without(file: FileHandle, status: number, headers: Headers): Promise<Response> {
  await file.close()
  return new Response(null, { status, headers })
}

function isUnchanged(headers: Headers, etag: string, mtime: Date): boolean {
  const match = headers.get('if-none-match')
  if (match !== null) return match.split(',').some((tag) => tag.trim() === etag || tag.trim() === '*')
  const since = Date.parse(headers.get('if-modified-since') ?? '')
  return !Number.isNaN(since) && Math.floor(mtime.getTime() / 1000) * 1000 <= since
}

/** Reads only when asked, so that a shut gate stops the disk too. */
function readFile(file: FileHandle, start: number, end: number): ReadableStream<Uint8Array> {
  let at = start
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const wanted = Math.min(READ_BYTES, end - at)
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at)
          if (bytesRead === 0) throw new Error('the file became shorter while it was read')
          at += bytesRead
          controller.enqueue(buffer.subarray(0, bytesRead))
          if (at < end) return
          await file.close()
          controller.close()
        } catch (error) {
          await file.close().catch(() => {})
          throw error
        }
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  )
}
