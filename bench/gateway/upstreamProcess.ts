import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { order, serveBench } from '../process.ts'

/** What lies behind the gateway and the plain proxy alike. */
export interface UpstreamOrder {
  readonly bodyBytes: number
  readonly events: number
}

/** A service that knows nothing of payments, as fast as it is read: a large body, and a model's stream of events. */
const { bodyBytes, events } = order<UpstreamOrder>()

/** What a file is read in. */
const CHUNK = new Uint8Array(64 * 1024)

const server = createServer((incoming, outgoing) => {
  incoming.resume()
  const serving = incoming.url === '/body' ? sendBody(outgoing) : sendEvents(outgoing)
  serving.catch(() => outgoing.destroy())
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

serveBench({
  ready: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  close: async () => server.closeAllConnections(),
})

async function sendBody(outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': `${bodyBytes}` })
  for (let left = bodyBytes; left > 0; left -= CHUNK.length) {
    await written(outgoing, left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK)
  }
  outgoing.end()
}

/** Each event is written by itself, in a turn of its own, as a model's server does with each token. */
async function sendEvents(outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  for (let i = 0; i < events; i++) {
    await written(outgoing, event({ delta: { content: ` w${i}` }, finish_reason: null }))
    await new Promise(setImmediate)
  }
  await written(outgoing, event({ delta: {}, finish_reason: 'stop' }))
  outgoing.end('data: [DONE]\n\n')
}

/** About 190 bytes, as OpenAI's servers write them. */
function event(choice: object): string {
  const head = { id: 'chatcmpl-8f69a1', object: 'chat.completion.chunk', created: 1700000000, model: 'bench' }
  return `data: ${JSON.stringify({ ...head, choices: [{ index: 0, logprobs: null, ...choice }] })}\n\n`
}

async function written(outgoing: ServerResponse, chunk: Uint8Array | string): Promise<void> {
  if (outgoing.destroyed) throw new Error('the reader left')
  if (outgoing.write(chunk)) return
  await new Promise<void>((resolve) => {
    const done = () => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
    outgoing.on('drain', done)
    outgoing.on('close', done)
  })
}
