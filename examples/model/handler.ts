import type { WebHandler } from '../../src/seller/adapters/node.ts'
import { RequestError, readChatRequest } from './chatRequest.ts'
import { complete, eventStream, wholeAnswer } from './completion.ts'
import type { LanguageModel } from './llama.ts'
import { Turns } from './turns.ts'

const MAX_BODY_BYTES = 256 * 1024
const MAX_WAITING = 8
const IDLE_MS = 60_000

/**
 * The OpenAI-compatible API of one model: `POST /v1/chat/completions`, `GET /v1/models`, and `GET /health`, which tells
 * how many tokens were computed since the start.
 * @example serve(modelHandler(model), { port: 8080 })
 */
export function modelHandler(model: LanguageModel): WebHandler {
  const turns = new Turns(MAX_WAITING)
  const startedAt = Math.floor(Date.now() / 1000)
  let tokens = 0

  async function chat(request: Request): Promise<Response> {
    const asked = readChatRequest(await readBody(request))
    const endTurn = await turns.take(request.signal)
    try {
      const answer = complete(model, asked, () => tokens++)
      if (asked.stream) {
        const body = eventStream(answer, IDLE_MS, endTurn)
        return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
      }
      const whole = await wholeAnswer(answer, request.signal)
      endTurn()
      return Response.json(whole)
    } catch (error) {
      endTurn()
      throw error
    }
  }

  const routes: Readonly<Record<string, Readonly<Record<string, WebHandler>>>> = {
    '/v1/chat/completions': { POST: chat },
    '/v1/models': {
      GET: () =>
        Response.json({
          object: 'list',
          data: [{ id: model.name, object: 'model', created: startedAt, owned_by: 'local' }],
        }),
    },
    '/health': { GET: () => Response.json({ status: 'ok', busy: turns.busy, waiting: turns.waiting, tokens }) },
  }

  return async (request) => {
    try {
      const { pathname } = new URL(request.url)
      const route = routes[pathname]
      if (!route) throw new RequestError(404, 'not_found_error', `there is no ${pathname}; ask /v1/chat/completions`)
      const handler = route[request.method]
      if (!handler) throw new RequestError(405, 'invalid_request_error', `${pathname} takes ${Object.keys(route)}`)
      return await handler(request)
    } catch (error) {
      if (error instanceof RequestError) return refuse(error)
      throw error
    }
  }
}

async function readBody(request: Request): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_BODY_BYTES)
      throw new RequestError(413, 'invalid_request_error', `the body is over ${MAX_BODY_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** In the form of OpenAI's errors, which its clients can read. */
function refuse({ status, type, message }: RequestError): Response {
  const headers: HeadersInit = status === 503 ? { 'retry-after': '2' } : {}
  return Response.json({ error: { message, type, param: null, code: null } }, { status, headers })
}
