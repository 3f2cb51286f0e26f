import { z } from 'zod'
import { PROBLEM_TYPE } from '../wire/problem.ts'
import type { Answer, Call } from './call.ts'
import * as schemas from './schemas.ts'

/** Where the API begins. */
export const BASE = '/.streampay/v1'
const SERVER_SENT = 'text/event-stream'

type Json = Readonly<Record<string, unknown>>

/** Schemas that the document names, and refers to. */
const NAMED: ReadonlyMap<unknown, string> = new Map(
  Object.entries(schemas).flatMap(([name, schema]) => (schema instanceof z.ZodType ? [[schema, name] as const] : [])),
)

/** The OpenAPI 3.1 document of some calls: made of the same schemas that validate what comes in. */
export function openApiOf(calls: readonly Call[], { version }: { readonly version: string }): Json {
  const used = new Set<z.ZodType>([schemas.Problem])
  const paths: Record<string, Record<string, Json>> = {}
  for (const call of calls) {
    paths[call.path] = { ...paths[call.path], [call.method.toLowerCase()]: operationOf(call, used) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stream: the local process',
      version,
      summary: 'Pays, and makes invoices, for programs on this machine',
      description:
        'Amounts come out in msat, as decimal strings, and go in as text with a unit. Every failure is a problem document. ' +
        'A caller sees and spends only what is its own.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: BASE }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: Object.fromEntries([...used].map((schema) => [NAMED.get(schema)!, jsonSchemaOf(schema)])),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token that begins with spt_: of the owner or of a caller',
        },
      },
    },
  }
}

function operationOf(call: Call, used: Set<z.ZodType>): Json {
  const { id, summary, description, ownerOnly, params, query, body, answers } = call
  const whose = ownerOnly ? 'For the owner alone.' : undefined
  const words = [description, whose].filter((one) => one !== undefined).join(' ')
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')]
  const responses = Object.entries(answers).map(([status, answer]) => [status, responseOf(answer, used)])
  return {
    operationId: id,
    summary,
    ...(words !== '' && { description: words }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: refTo(body, used) } } } }),
    responses: {
      ...Object.fromEntries(responses),
      default: {
        description: 'What went wrong',
        content: { [PROBLEM_TYPE]: { schema: refTo(schemas.Problem, used) } },
      },
    },
  }
}

function responseOf({ description, schema, type = 'application/json' }: Answer, used: Set<z.ZodType>): Json {
  const media = schema ? { schema: refTo(schema, used) } : type === SERVER_SENT ? { schema: { type: 'string' } } : {}
  return { description, content: { [type]: media } }
}

/** A parameter for each member of an object. */
function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (!schema) return []
  const { properties = {}, required = [] } = jsonSchemaOf(schema) as {
    properties?: Record<string, Json>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, ...one }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: one,
  }))
}

function refTo(schema: z.ZodType, used: Set<z.ZodType>): Json {
  const name = NAMED.get(schema)
  if (name === undefined) return jsonSchemaOf(schema)
  used.add(schema)
  return { $ref: `#/components/schemas/${name}` }
}

function jsonSchemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'throw' }) as Json
  return json
}
