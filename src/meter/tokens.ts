/**
 * How many tokens an event, a line or a body of a model's answer tells of. Seller and buyer run this same code, so their
 * counts differ only by what is still on the wire. It reads OpenAI's chat, completions, responses and embeddings, and
 * Ollama's own API; whatever is of another shape is still counted, by its events or by its bytes.
 */

/** What one event or line of a stream says: content was generated, or how many tokens the whole answer or its prompt has. */
export interface TokenEvent {
  readonly generated: boolean
  /** Tokens of the answer so far, by the model's own word. */
  readonly usage?: bigint
  /** Tokens of the prompt, by the model's own word. */
  readonly prompt?: bigint
}

const NOTHING: TokenEvent = { generated: false }
/** Where no usage is told: one token for every four bytes of the body, rounded up. */
const BYTES_PER_TOKEN = 4n

/** Reads the `data` of one server-sent event, or one line of NDJSON. */
export function readTokenEvent(data: string): TokenEvent {
  if (data.trim() === '' || data === '[DONE]') return NOTHING
  const body = parseObject(data)
  if (!body) return { generated: true }
  const { completion: usage, prompt } = readUsage(body)
  const generated = generates(body) ?? (usage === undefined && prompt === undefined)
  return { generated, ...(usage !== undefined && { usage }), ...(prompt !== undefined && { prompt }) }
}

/** What a whole body says: its tokens where it tells them, and those of its prompt. */
interface BodyTokens {
  readonly tokens: bigint
  readonly prompt?: bigint
}

/**
 * Tokens of a whole body that is not a stream, for a price that knows only one kind of token: those generated, or for
 * embeddings, which generate none, those of the input.
 */
export const tokensOfBody = (body: Uint8Array): BodyTokens => readBody(body, (prompt) => prompt)

/** The same where the input has a price of its own: an answer that generates nothing counts nothing here. */
export const outputTokensOfBody = (body: Uint8Array): BodyTokens => readBody(body, () => 0n)

function readBody(bytes: Uint8Array, withoutCompletion: (prompt: bigint) => bigint): BodyTokens {
  const byBytes = tokensOfBytes(BigInt(bytes.byteLength))
  const body = parseObject(new TextDecoder().decode(bytes))
  if (!body) return { tokens: byBytes }
  const { completion, prompt } = readUsage(body)
  const told = completion ?? (embeds(body) && prompt !== undefined ? withoutCompletion(prompt) : undefined)
  // A text for which the model's server says "0 tokens" was generated all the same.
  const tokens = told === undefined || (told === 0n && generates(body) === true) ? byBytes : told
  return { tokens, ...(prompt !== undefined && { prompt }) }
}

export const tokensOfBytes = (bytes: bigint): bigint => (bytes + BYTES_PER_TOKEN - 1n) / BYTES_PER_TOKEN

type Json = Readonly<Record<string, unknown>>

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

interface Usage {
  readonly completion: bigint | undefined
  readonly prompt: bigint | undefined
}

function readUsage(body: Json): Usage {
  // The last event of OpenAI's responses holds the whole response.
  const usage = [body.usage, isObject(body.response) ? body.response.usage : undefined].find(isObject) ?? {}
  return {
    completion: count(usage.completion_tokens) ?? count(usage.output_tokens) ?? count(body.eval_count),
    prompt: count(usage.prompt_tokens) ?? count(usage.input_tokens) ?? count(body.prompt_eval_count),
  }
}

const count = (value: unknown): bigint | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined

/** OpenAI's list of embeddings, and Ollama's. */
const embeds = ({ data, embeddings, embedding }: Json): boolean =>
  Array.isArray(embeddings) ||
  Array.isArray(embedding) ||
  (Array.isArray(data) && data.every((item) => isObject(item) && item.object === 'embedding'))

const CONTENT = [
  'content',
  'reasoning_content',
  'reasoning',
  'thinking',
  'refusal',
  'tool_calls',
  'function_call',
] as const

/** Whether this holds generated content; `undefined` for a shape that is not known. */
function generates(body: Json): boolean | undefined {
  const { choices, type, message, response, done } = body
  if (Array.isArray(choices)) return choices.some(hasContent)
  if (typeof type === 'string' && type.startsWith('response.')) return type.endsWith('.delta')
  if (body.object === 'response') return Array.isArray(body.output) && body.output.length > 0
  if (typeof done !== 'boolean') return undefined
  if (isObject(message)) return holds(message)
  return isFilled(response) || isFilled(body.thinking)
}

function hasContent(choice: unknown): boolean {
  if (!isObject(choice)) return false
  if (typeof choice.text === 'string') return choice.text !== ''
  return [choice.delta, choice.message].some((part) => isObject(part) && holds(part))
}

const holds = (part: Json): boolean => CONTENT.some((key) => isFilled(part[key]))
const isFilled = (value: unknown): boolean => value !== undefined && value !== null && value !== '' && !isEmpty(value)
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0
