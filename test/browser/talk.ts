import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

export const WORDS = 60
const WORD_MS = 10

/** A service like a model's, that knows nothing of payments: it says sixty words, in OpenAI's way or in Ollama's. */
export async function startTalker(models: readonly string[] = ['small', 'large']): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://talker')
    if (pathname === '/v1/models') return void response.end(JSON.stringify({ data: models.map((id) => ({ id })) }))
    if (pathname === '/v1/chat/completions') return void say(response, 'text/event-stream', openAi)
    if (pathname === '/api/chat') return void say(response, 'application/x-ndjson', ollama)
    response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type Dialect = (word: string | undefined) => string

const openAi: Dialect = (content) =>
  content === undefined ? 'data: [DONE]\n\n' : `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
const ollama: Dialect = (content) =>
  `${JSON.stringify(content === undefined ? { done: true, eval_count: WORDS } : { message: { content }, done: false })}\n`

async function say(response: ServerResponse, type: string, dialect: Dialect): Promise<void> {
  response.writeHead(200, { 'content-type': type })
  for (let said = 0; said < WORDS && !response.destroyed; said++) {
    await new Promise((resolve) => setTimeout(resolve, WORD_MS))
    if (!response.write(dialect(`word${said} `))) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.end(dialect(undefined))
}
