import { z } from 'zod'
import { StreamError } from '../errors/error.ts'
import { BoundedCallers } from './bounded.ts'
import { Bounds } from './bounds.ts'
import type { Call, Context } from './call.ts'
import type { Caller } from './caller.ts'
import { CALLS } from './calls/index.ts'
import { HandPayments } from './handPayments.ts'
import { Listening } from './listening.ts'
import { BASE, openApiOf } from './openapi.ts'
import type { LocalApiParts } from './parts.ts'
import { KEPT_TO_ITSELF, problemAnswer } from './problem.ts'
import { Refused, readJsonBody } from './requestBody.ts'
import { findRoute, routesOf } from './routes.ts'
import { toJson } from './toJson.ts'

/** The API of the local process, to be mounted by what listens and knows its callers. */
export interface LocalApi {
  /**
   * Answers what lies below `/.streampay/v1/`; `undefined` for any other path. Never rejects. The caller was made sure of before: only the
   * document itself is for everybody.
   */
  handle(request: Request, caller: Caller | undefined): Promise<Response | undefined>
  /**
   * Ends the streams of events, begins no more payments, and waits for those that are being made, up to `withinMs`: 10 s by default. What is
   * not known by then is in the journal, for `streampay recover` and for the next start.
   */
  close(withinMs?: number): Promise<void>
}

const CLOSE_MS = 10_000
const DOCUMENT = '/openapi.json'
/** A call that takes no parameters is given none. */
const NOTHING = z.strictObject({})

/**
 * @example
 * const api = createLocalApi({ node, journal, callers, events, invoices, version })
 * const answer = await api.handle(request, caller)
 */
export function createLocalApi(parts: LocalApiParts): LocalApi {
  const routes = routesOf(CALLS)
  const callers = new BoundedCallers(parts.journal, parts.maxEach)
  const document = JSON.stringify(openApiOf(CALLS, parts))
  const shared = {
    parts,
    payments: new HandPayments(parts),
    listening: new Listening(parts.events),
    bounds: new Bounds(),
  }

  async function answer(request: Request, path: string, search: URLSearchParams, asking: Caller | undefined) {
    if (path === DOCUMENT && request.method === 'GET') return jsonAnswer(200, document)
    if (!asking) throw new Refused(401, 'this takes a token: Authorization: Bearer spt_…')
    const found = findRoute(routes, request.method, path)
    if ('allow' in found) {
      return problemAnswer(new StreamError('input-invalid', `${request.method} is not for ${path}`), {
        status: 405,
        headers: { allow: found.allow.join(', ') },
      })
    }
    const { call } = found
    const caller = await callers.bounded(asking)
    if (call.ownerOnly && !caller.isOwner) throw new StreamError('owner-only', `${call.summary}: for the owner alone`)
    const input = await readInput(call, request, found.params, search)
    const context: Context = {
      ...shared,
      caller,
      journal: callers.journalOf(caller),
      signal: request.signal,
      url: new URL(request.url).origin,
    }
    const reply = await call.run(input, context)
    return reply instanceof Response ? reply : jsonAnswer(reply.status, toJson(reply.body))
  }

  return {
    async handle(request, caller) {
      const { pathname, searchParams } = new URL(request.url)
      if (!pathname.startsWith(`${BASE}/`)) return undefined
      try {
        return await answer(request, pathname.slice(BASE.length), searchParams, caller)
      } catch (error) {
        return problemAnswer(error, error instanceof Refused ? { status: error.answer } : {})
      }
    },
    close(withinMs = CLOSE_MS) {
      shared.listening.close()
      return shared.payments.close(withinMs)
    },
  }
}

const jsonAnswer = (status: number, body: string): Response =>
  new Response(body, { status, headers: { ...KEPT_TO_ITSELF, 'content-type': 'application/json' } })

async function readInput(call: Call, request: Request, params: object, search: URLSearchParams) {
  const query = Object.fromEntries(search)
  if ([...search.keys()].length !== Object.keys(query).length) throw new Refused(400, 'a parameter stands there twice')
  return {
    params: call.params && validated(call.params, params, 'the address'),
    query: validated(call.query ?? NOTHING, query, 'the query'),
    body: call.body && validated(call.body, await readJsonBody(request), 'the body'),
  }
}

/** @throws Refused that names the first thing that is wrong */
function validated(schema: z.ZodType, value: unknown, what: string): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue!.path.length > 0 ? ` (${issue!.path.map(String).join('.').slice(0, 80)})` : ''
  throw new Refused(400, `${what}${where}: ${issue!.message.slice(0, 200)}`)
}
