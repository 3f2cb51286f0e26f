import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { cpuMs, order, serveBench } from '../process.ts'

/** A reverse proxy of Node alone: kept connections, and `pipeline` both ways. */
const { upstream } = order<{ upstream: string }>()

/** What speaks of one connection (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding']
const agent = new Agent({ keepAlive: true, scheduling: 'lifo' })

const server = createServer((incoming, outgoing) => {
  const { method, headers, url = '/' } = incoming
  const passed = request(new URL(url, upstream), { method, headers: without(headers), agent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, without(answer.headers))
    pipeline(answer, outgoing, ignore)
  })
  pipeline(incoming, passed, ignore)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

serveBench({
  ready: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  answers: { cpuMs },
  close: async () => server.closeAllConnections(),
})

function without<T extends object>(headers: T): T {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name))) as T
}

function ignore(): void {}
