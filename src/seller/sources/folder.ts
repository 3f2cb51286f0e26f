import { realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { type SignalHolder, sendFile } from './file.ts'
import { listing } from './listing.ts'
import { plain } from './plain.ts'

/** Serves files. The second argument's signal, like the request's, lets go of a file that is still open. */
export type FileHandler = (request: Request, meter?: SignalHolder) => Promise<Response>

/**
 * Serves the files of a folder: ranges, conditional requests, an `index.html` or a listing for a folder. No dot files, and
 * nothing that lies outside once every link is followed.
 * @example wall(serveFolder('./films'))
 */
export function serveFolder(folder: string): FileHandler {
  return async (request, meter) => {
    const wrong = wrongMethod(request)
    if (wrong) return wrong
    const { pathname } = new URL(request.url)
    const path = await resolveInside(folder, pathname)
    if (path === undefined) return notFound()
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile() && !pathname.endsWith('/')) return (await sendFile(path, request, meter)) ?? notFound()
    if (!found?.isDirectory()) return notFound()
    // Relative links in the folder's page would otherwise name its neighbours.
    if (!pathname.endsWith('/')) return plain(308, 'a folder ends in a slash', { location: `${lastPart(pathname)}/` })
    const index = await resolveInside(folder, `${pathname}index.html`)
    const page = index === undefined ? undefined : await sendFile(index, request, meter)
    return page ?? listing(path, pathname, request.headers)
  }
}

/** Serves one file, whatever path is asked for. */
export function serveFile(path: string): FileHandler {
  return async (request, meter) => wrongMethod(request) ?? (await sendFile(path, request, meter)) ?? notFound()
}

const notFound = (): Response => plain(404, 'not found')

/** As a relative reference of its own: a first part with a colon would be read as a scheme. */
const lastPart = (pathname: string): string => `./${pathname.slice(pathname.lastIndexOf('/') + 1)}`

function wrongMethod({ method }: Request): Response | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined
  return plain(405, 'only GET and HEAD', { allow: 'GET, HEAD' })
}

/** The real path that a URL path names, if it lies in the folder and no part of it is hidden. */
async function resolveInside(folder: string, pathname: string): Promise<string | undefined> {
  const parts = decodeParts(pathname)
  if (!parts) return undefined
  try {
    const root = await realpath(folder)
    const path = await realpath(join(root, ...parts))
    // What a link leads to obeys the same rules as what is asked for.
    const inside = relative(root, path).split(sep)
    return path === root || !inside.some(isHidden) ? path : undefined
  } catch {
    return undefined
  }
}

/** Also true of `..`, and of the drive that `relative` may answer on Windows. */
const isHidden = (part: string): boolean => part.startsWith('.') || (sep === '\\' && part.includes(':'))

function decodeParts(pathname: string): string[] | undefined {
  try {
    const parts = pathname
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent)
    return parts.some((part) => isHidden(part) || /[\\/\0]/.test(part)) ? undefined : parts
  } catch {
    return undefined
  }
}
