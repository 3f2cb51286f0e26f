import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

const DRIP_BYTES = 16 * 1024
const DRIP_MS = 20

/** A small service that knows nothing of payments: /echo, /drip without end, /fail and /lines. */
export async function startUpstream(): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://upstream')
    if (pathname === '/echo') {
      response.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'text/plain' })
      request.pipe(response)
      return
    }
    if (pathname === '/fail') {
      response.writeHead(500, { 'content-type': 'text/plain' })
      response.end('out of\u001b[31m order')
      return
    }
    if (pathname === '/free') {
      response.end('free')
      return
    }
    const part = pathname === '/lines' ? Buffer.from('a line\n') : Buffer.alloc(DRIP_BYTES, 'x')
    let left = pathname === '/lines' ? 40 : Number.POSITIVE_INFINITY
    const timer = setInterval(() => {
      response.write(part)
      if (--left <= 0) response.end()
    }, DRIP_MS)
    response.on('close', () => clearInterval(timer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
