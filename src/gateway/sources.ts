import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { StreamError } from '../errors/error.ts'
import type { PaidHandler } from '../seller/paywall.ts'
import { serveFile, serveFolder } from '../seller/sources/folder.ts'
import { proxyTo } from '../seller/sources/upstream.ts'
import type { RouteConfig } from './config/schema.ts'
import { withUsage } from './models/usage.ts'
import { compilePattern } from './routes/pattern.ts'
import { readSecret } from './secrets.ts'

/** Makes what a route sells. Other makers (of videos) are tried first: see `GatewayParts.sources`. */
export type SourceMaker = (route: RouteConfig) => PaidHandler | undefined

/**
 * What a route sells: a service behind, a folder below the path's fixed part, or a file.
 * @throws StreamError `config-invalid` where it is not there
 */
export function sourceOf(route: RouteConfig): PaidHandler {
  if (route.upstream !== undefined) {
    return withUsage(proxyTo(route.upstream, { headers: upstreamHeaders(route) }))
  }
  if (route.folder !== undefined) {
    const path = existing(route.folder, 'a folder')
    return below(compilePattern(route.path).prefix, serveFolder(path))
  }
  if (route.file !== undefined) return serveFile(existing(route.file, 'a file'))
  throw new StreamError('config-invalid', `nothing here can sell the video ${route.video}`)
}

/** What an upstream gets of ours with every request. @throws StreamError `config-invalid` where the environment or a file lacks it */
export function upstreamHeaders({ upstreamHeaders = {} }: RouteConfig): Record<string, string> {
  const headers = Object.entries(upstreamHeaders).map(
    ([name, value]) => [name, readSecret(value, `upstreamHeaders.${name}`)] as const,
  )
  return Object.fromEntries(headers)
}

function existing(text: string, what: 'a folder' | 'a file'): string {
  const path = resolve(text)
  const stat = statSync(path, { throwIfNoEntry: false })
  const fits = what === 'a folder' ? stat?.isDirectory() : stat?.isFile()
  if (!fits) throw new StreamError('config-invalid', `${path} is not ${what}`)
  return path
}

/** Lets go of what a source keeps open, when what runs is over. */
export async function letGo(handler: PaidHandler): Promise<void> {
  if ('close' in handler && typeof handler.close === 'function') await handler.close()
}

/** The folder's own root is where the route's fixed part ends. */
function below(prefix: string, handler: PaidHandler): PaidHandler {
  const dropped = prefix.split('/').length - 1
  if (dropped === 0) return handler
  return (request, meter) => {
    const { method, headers, signal } = request
    const url = new URL(request.url)
    const parts = url.pathname.split('/').filter((part) => part !== '')
    const slash = url.pathname.endsWith('/') && parts.length > dropped ? '/' : ''
    url.pathname = `/${parts.slice(dropped).join('/')}${slash}`
    return handler(new Request(url, { method, headers, signal }), meter)
  }
}
