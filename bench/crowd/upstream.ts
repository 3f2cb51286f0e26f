import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'

/*
 * What is sold, in a process of its own: a stand-in for a server of models, and a folder with a packaged film. It knows nothing of
 * payments, and is also what the unpaid run reads.
 */

const TICK_MS = 5
/** One after the other in every answer. */
const WORDS = ['the ', 'stream ', 'flows ', 'and ', 'is ', 'paid ', 'by ', 'use ']
const TYPES: Readonly<Record<string, string>> = { m3u8: 'application/vnd.apple.mpegurl', jpg: 'image/jpeg' }

interface Answer {
  readonly to: ServerResponse
  readonly tokens: number
  /** Monotonic ms, at which its first token is due. */
  startMs: number
  sent: number
  held: boolean
}

const { tokensPerSecond, folder } = JSON.parse(process.argv[2] ?? '{}') as { tokensPerSecond: number; folder?: string }
const answers = new Set<Answer>()
const everyMs = 1000 / tokensPerSecond

/** One chunk as OpenAI's API has them: one token each, in a write of its own, as servers of models send them. */
const CHUNKS = WORDS.map(
  (content) =>
    `data: ${JSON.stringify({
      id: 'chatcmpl-crowd',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'stand-in',
      choices: [{ index: 0, delta: { content }, finish_reason: null }],
    })}\n\n`,
)

/** What is due is sent; a reader that takes nothing holds its answer back, as it would hold a model back. */
setInterval(() => {
  const now = performance.now()
  for (const answer of answers) {
    const due = Math.min(answer.tokens, Math.floor((now - answer.startMs) / everyMs) + 1)
    while (answer.sent < due && !answer.held) write(answer)
    if (answer.sent === answer.tokens) finish(answer)
  }
}, TICK_MS)

function write(answer: Answer): void {
  if (answer.to.write(CHUNKS[answer.sent++ % CHUNKS.length]!)) return
  answer.held = true
  const since = performance.now()
  answer.to.once('drain', () => {
    answer.held = false
    answer.startMs += performance.now() - since
  })
}

function finish(answer: Answer): void {
  answers.delete(answer)
  answer.to.end('data: [DONE]\n\n')
}

async function complete(request: IncomingMessage, to: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const { max_tokens: tokens } = JSON.parse(Buffer.concat(parts).toString()) as { max_tokens: number }
  to.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  // Not all at the same instant: each answer has a rhythm of its own.
  const answer = { to, tokens, startMs: performance.now() + Math.random() * everyMs, sent: 0, held: false }
  answers.add(answer)
  to.once('close', () => answers.delete(answer))
}

async function film(path: string, to: ServerResponse): Promise<void> {
  const file = join(folder ?? '/nowhere', normalize(`/${path}`))
  const { size } = await stat(file)
  to.writeHead(200, {
    'content-type': TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'video/mp4',
    'content-length': size,
  })
  createReadStream(file).pipe(to)
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://upstream')
  const answered = pathname.startsWith('/film/')
    ? film(pathname.slice('/film/'.length), response)
    : complete(request, response)
  answered.catch(() => {
    if (!response.headersSent) response.writeHead(404)
    response.end()
  })
}).listen(0, '127.0.0.1')
await once(server, 'listening')
process.on('disconnect', () => process.exit())
process.send?.({ ready: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
