import { z } from 'zod'

const MAX_MESSAGES = 64
const MAX_TEXT = 16_384
const MAX_TOKENS = 1024
const DEFAULT_TOKENS = 256

const message = z.object({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string().max(MAX_TEXT),
})

/** What would change the answer and is not supported is refused, not ignored. */
const unsupported = z.undefined({ error: 'is not supported by this model' }).optional()

const schema = z.object({
  model: z.string().optional(),
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  stream: z.boolean().default(false),
  max_tokens: z.int().min(1).max(MAX_TOKENS).optional(),
  max_completion_tokens: z.int().min(1).max(MAX_TOKENS).optional(),
  temperature: z.number().min(0).max(2).default(0.7),
  top_p: z.number().gt(0).max(1).default(0.95),
  seed: z.int().min(0).max(0xffff_ffff).optional(),
  n: z.literal(1, { error: 'must be 1' }).optional(),
  stop: unsupported,
  tools: unsupported,
  functions: unsupported,
  response_format: unsupported,
  logit_bias: unsupported,
})

export type Message = Readonly<z.infer<typeof message>>

/** A request for a chat completion, checked. */
export interface ChatRequest {
  readonly messages: readonly Message[]
  readonly stream: boolean
  readonly maxTokens: number
  readonly temperature: number
  readonly topP: number
  readonly seed?: number
}

/** A request that is refused: its status and words go into the answer. */
export class RequestError extends Error {
  readonly status: number
  readonly type: string

  constructor(status: number, type: string, text: string) {
    super(text)
    this.status = status
    this.type = type
  }
}

/**
 * Reads the body of `POST /v1/chat/completions`.
 * @throws RequestError 400 that names the field
 */
export function readChatRequest(text: string): ChatRequest {
  const result = schema.safeParse(parseJson(text))
  if (!result.success) throw badRequest(describe(result.error.issues[0]))
  const { messages, stream, max_tokens, max_completion_tokens, temperature, top_p, seed } = result.data
  return {
    messages,
    stream,
    maxTokens: max_completion_tokens ?? max_tokens ?? DEFAULT_TOKENS,
    temperature,
    topP: top_p,
    ...(seed !== undefined && { seed }),
  }
}

export const badRequest = (text: string): RequestError => new RequestError(400, 'invalid_request_error', text)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest('the body is not JSON')
  }
}

function describe(issue: z.core.$ZodIssue | undefined): string {
  return issue ? `${issue.path.join('.') || 'the body'}: ${issue.message}` : 'the body is not a chat request'
}
